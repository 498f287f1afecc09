// Jobs as people read them.

#ifndef HUBD_CLIENT_CLI_JOB_TABLE_H_
#define HUBD_CLIENT_CLI_JOB_TABLE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "hubd/v1/cache.pb.h"

namespace hubd {

// A table of jobs, where there are any, and below it the limits that are set;
// `width` columns at most (0: no limit). Each line ends with a newline.
std::string FormatJobs(const v1::ListJobsResponse& jobs, absl::Time now,
                       int width);

// The same as one line for each job, for a log.
std::string FormatJobLines(const v1::ListJobsResponse& jobs);

// What a job is about, in a few words.
std::string NameOfJob(const v1::Job& job);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_JOB_TABLE_H_
