// Reading that gives way to everybody else's.

#ifndef HUBD_SERVER_BASE_IDLE_IO_H_
#define HUBD_SERVER_BASE_IDLE_IO_H_

namespace hubd {

// For its lifetime the calling thread, and threads that it starts, get the disk
// only when nobody else wants it, where the disk's scheduler knows priorities;
// then it has the priority from before. It must end on the thread that made it.
class IdleIo {
 public:
  IdleIo();
  ~IdleIo();
  IdleIo(const IdleIo&) = delete;
  IdleIo& operator=(const IdleIo&) = delete;

 private:
  // -1: it could not be changed.
  int before_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_IDLE_IO_H_
