"""Fuzz targets: libFuzzer's with --config=fuzz, plain tests otherwise."""

def fuzz_test(name, deps):
    """One fuzz target, NAME.cc, with its kept corpus in corpus/NAME/.

    With --config=fuzz it is a libFuzzer binary, else a test that gives each file
    of the corpus to the target once.
    """
    native.cc_test(
        name = name,
        size = "small",
        srcs = [name + ".cc"],
        args = ["tests/fuzz/corpus/" + name],
        data = native.glob(["corpus/%s/*" % name]),
        linkopts = select({
            ":fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        deps = deps + select({
            ":fuzzing": [],
            "//conditions:default": [":replay_main"],
        }),
    )
