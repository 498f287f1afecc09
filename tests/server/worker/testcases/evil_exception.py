print("RAN")


def ok():
    """Fine."""


class Evil(BaseException):
    def __str__(self):
        raise Evil()

    __repr__ = __str__


raise Evil()
