// The index's tables. A migration that was released is never edited: a change
// is one more migration at the end.
//
// Times are microseconds since 1970, UTC. Lists are lines (catalog.cc).

#ifndef HUBD_SERVER_STORE_SCHEMA_H_
#define HUBD_SERVER_STORE_SCHEMA_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace hubd {

inline constexpr absl::string_view kFirstSchema = R"sql(
CREATE TABLE tree (
  id INTEGER PRIMARY KEY,
  domain TEXT NOT NULL,
  host TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  route TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  entry_count INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  warnings TEXT NOT NULL,
  UNIQUE (domain, host, owner, name, commit_id, route)
) STRICT;
CREATE INDEX tree_by_age ON tree (created_at, id);

CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  domain TEXT NOT NULL,
  url TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  content_type TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (domain, url)
) STRICT;
CREATE INDEX checkpoint_by_age ON checkpoint (created_at, id);

CREATE TABLE unpacked (
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  size_bytes INTEGER NOT NULL,
  members TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX unpacked_by_age ON unpacked (created_at, id);

CREATE TABLE refs (
  id INTEGER PRIMARY KEY,
  domain TEXT NOT NULL,
  host TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  advertisement TEXT NOT NULL,
  UNIQUE (domain, host, owner, name)
) STRICT;

CREATE TABLE trust (
  id INTEGER PRIMARY KEY,
  uid INTEGER NOT NULL,
  host TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  hub_dir TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (uid, host, owner, name, hub_dir)
) STRICT;
)sql";

// A result is worth nothing without its tree; of each user the last 256 stay.
inline constexpr absl::string_view kJobResultSchema = R"sql(
CREATE TABLE job_result (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  uid INTEGER NOT NULL,
  domain TEXT NOT NULL,
  host TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  route TEXT NOT NULL,
  result BLOB NOT NULL,
  UNIQUE (key, uid)
) STRICT;
CREATE INDEX job_result_by_user ON job_result (uid, id);
CREATE INDEX job_result_by_tree ON job_result
  (domain, host, owner, name, commit_id, route);
CREATE TRIGGER job_result_goes_with_tree AFTER DELETE ON tree BEGIN
  DELETE FROM job_result WHERE domain = OLD.domain AND host = OLD.host
    AND owner = OLD.owner AND name = OLD.name AND commit_id = OLD.commit_id
    AND route = OLD.route;
END;
CREATE TRIGGER job_result_makes_room AFTER INSERT ON job_result BEGIN
  DELETE FROM job_result WHERE uid = NEW.uid AND id <=
    (SELECT id FROM job_result WHERE uid = NEW.uid
     ORDER BY id DESC LIMIT 1 OFFSET 256);
END;
)sql";

// Empty: not known.
inline constexpr absl::string_view kTreeDigestSchema = R"sql(
ALTER TABLE tree ADD COLUMN digest TEXT NOT NULL DEFAULT '';
)sql";

// Of a repo that has moved, "host/owner/name" of the other one; else empty.
inline constexpr absl::string_view kMovedRepoSchema = R"sql(
ALTER TABLE refs ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';
)sql";

inline constexpr absl::string_view kUnprovenTreeSchema = R"sql(
ALTER TABLE tree ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0;
)sql";

// Of a tree that an original hub's cache had: the ref and the time; else empty.
inline constexpr absl::string_view kImportedTreeSchema = R"sql(
ALTER TABLE tree ADD COLUMN imported_ref TEXT NOT NULL DEFAULT '';
ALTER TABLE tree ADD COLUMN imported_as_of INTEGER NOT NULL DEFAULT 0;
)sql";

// How stat showed a thing when its content was compared with its digest. By
// name: "blob SHA256" or "tree" and its key. Goes with what it is about.
inline constexpr absl::string_view kVerifiedSchema = R"sql(
CREATE TABLE verified (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  stamp TEXT NOT NULL
) STRICT;
CREATE TRIGGER verified_goes_with_tree AFTER DELETE ON tree BEGIN
  DELETE FROM verified WHERE name = 'tree ' || OLD.domain || ' ' || OLD.host
    || ' ' || OLD.owner || ' ' || OLD.name || ' ' || OLD.commit_id || ' '
    || OLD.route;
END;
CREATE TRIGGER verified_goes_with_checkpoint AFTER DELETE ON checkpoint BEGIN
  DELETE FROM verified WHERE name = 'blob ' || OLD.sha256;
END;
CREATE TRIGGER verified_goes_with_old_blob AFTER UPDATE OF sha256 ON checkpoint
WHEN OLD.sha256 <> NEW.sha256 BEGIN
  DELETE FROM verified WHERE name = 'blob ' || OLD.sha256;
END;
)sql";

inline std::vector<absl::string_view> Migrations() {
  return {kFirstSchema,     kJobResultSchema,    kTreeDigestSchema,
          kMovedRepoSchema, kUnprovenTreeSchema, kImportedTreeSchema,
          kVerifiedSchema};
}

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_SCHEMA_H_
