#include "server/sandbox/policy.h"

namespace hubd {

SandboxPolicy InspectPolicy() {
  SandboxPolicy policy;
  // OneFlow binds a port of "localhost" while it is imported.
  policy.inet = true;
  policy.data_files = {
      {"/etc/passwd", "nobody:x:65534:65534:nobody:/tmp/home:/bin/false\n"},
      {"/etc/group", "nogroup:x:65534:\n"},
      {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
      {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
  };
  // One thread for each library of linear algebra: a listing computes nothing,
  // and idle pools count against the limit of processes. MegEngine keeps its
  // cache in memory, since its import wants to write the file at home.
  policy.environment = {
      {"PATH", "/usr/bin:/bin"},    {"HOME", "/tmp/home"},
      {"TMPDIR", "/tmp"},           {"LANG", "C.UTF-8"},
      {"LC_ALL", "C.UTF-8"},        {"USER", "nobody"},
      {"LOGNAME", "nobody"},        {"PYTHONDONTWRITEBYTECODE", "1"},
      {"PYTHONNOUSERSITE", "1"},    {"OMP_NUM_THREADS", "1"},
      {"MKL_NUM_THREADS", "1"},     {"OPENBLAS_NUM_THREADS", "1"},
      {"TORCH_HOME", "/tmp/home"},  {"XDG_CACHE_HOME", "/tmp/home"},
      {"CUDA_VISIBLE_DEVICES", ""}, {"MGE_FASTRUN_CACHE_TYPE", "MEMORY"},
  };
  return policy;
}

}  // namespace hubd
