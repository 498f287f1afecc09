// Ctrl-C and the like, as a stop token.

#ifndef HUBD_CLIENT_CLI_INTERRUPT_H_
#define HUBD_CLIENT_CLI_INTERRUPT_H_

#include <atomic>
#include <stop_token>
#include <thread>

namespace hubd {

// While this lives, SIGINT, SIGTERM and SIGHUP ask for a stop instead of ending
// the process; a second one ends it at once. Made before any other thread, as
// the threads inherit which signals are blocked. Thread-safe.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();

  std::stop_token token() const { return source_.get_token(); }

  // The signal that came; 0 for none.
  int signal() const { return signal_; }

 private:
  void Run(const std::stop_token& ending);

  std::stop_source source_;
  std::atomic<int> signal_ = 0;
  // Last, so that it ends first.
  std::jthread thread_;
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_INTERRUPT_H_
