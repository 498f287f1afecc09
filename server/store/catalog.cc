#include "server/store/catalog.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/status.h"
#include "server/store/column_text.h"
#include "server/store/connections.h"
#include "server/store/known_refs.h"
#include "server/store/known_rows.h"
#include "server/store/page_token.h"
#include "server/store/rows.h"
#include "server/store/schema.h"
#include "server/store/way_out.h"

namespace hubd {
namespace {

constexpr int kMaxTreesOfRepo = 100;

// Where a row of one table becomes an object of one kind.
template <class Object>
using FromRow = Object (*)(const SqlRows& row, const Layout& layout);

class SqliteCatalog final : public Catalog {
 public:
  SqliteCatalog(Layout layout, std::unique_ptr<Connections> connections)
      : layout_(std::move(layout)), connections_(std::move(connections)) {}

  absl::Status CheckSound() const override {
    return connections_->CheckSound();
  }

  absl::StatusOr<std::optional<TreeObject>> LookupTree(
      const TreeKey& key) override {
    static const std::string kSql = absl::StrCat(
        kSelectTree,
        " WHERE domain = ?1 AND host = ?2 AND owner = ?3 AND name = ?4"
        " AND commit_id = ?5 AND route = ?6");
    const std::vector<SqlValue> values = {key.domain,     key.repo.host,
                                          key.repo.owner, key.repo.name,
                                          key.commit,     key.route};
    return known_trees_.Get(NameOf(key), [&] {
      return One<TreeObject>(kSql, values, TreeFromRow);
    });
  }

  std::optional<TreeObject> TreeInMemory(const TreeKey& key) override {
    return known_trees_.Find(NameOf(key));
  }

  absl::Status PutTree(const TreeObject& tree) override {
    const ImportedAs imported = tree.imported.value_or(ImportedAs());
    return Write(
        "INSERT INTO tree (domain, host, owner, name, commit_id, route,"
        " size_bytes, entry_count, created_at, warnings, digest, unproven,"
        " imported_ref, imported_as_of)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT DO UPDATE SET size_bytes = ?7, entry_count = ?8,"
        " created_at = ?9, warnings = ?10, digest = ?11, unproven = ?12,"
        " imported_ref = ?13, imported_as_of = ?14",
        {tree.key.domain, tree.key.repo.host, tree.key.repo.owner,
         tree.key.repo.name, tree.key.commit, tree.key.route, tree.size_bytes,
         tree.entry_count, Micros(tree.created_at), EncodeLines(tree.warnings),
         tree.digest, int64_t{tree.unproven}, imported.ref,
         Micros(imported.as_of)});
  }

  absl::Status RemoveTree(const TreeKey& key) override {
    return Write(
        "DELETE FROM tree WHERE domain = ?1 AND host = ?2 AND owner = ?3"
        " AND name = ?4 AND commit_id = ?5 AND route = ?6",
        {key.domain, key.repo.host, key.repo.owner, key.repo.name, key.commit,
         key.route});
  }

  absl::StatusOr<Page<TreeObject>> ListTrees(
      int page_size, const std::string& token) override {
    static const std::string kSql = NewestFirst(kSelectTree);
    return PageByAge<TreeObject>(kSql, page_size, token, TreeFromRow);
  }

  absl::StatusOr<std::optional<CheckpointObject>> LookupCheckpoint(
      const std::string& domain, const std::string& url) override {
    static const std::string kSql =
        absl::StrCat(kSelectCheckpoint, " WHERE domain = ?1 AND url = ?2");
    return known_checkpoints_.Get(absl::StrCat(domain, "\n", url), [&] {
      return One<CheckpointObject>(kSql, {domain, url}, CheckpointFromRow);
    });
  }

  std::optional<CheckpointObject> CheckpointInMemory(
      const std::string& domain, const std::string& url) override {
    return known_checkpoints_.Find(absl::StrCat(domain, "\n", url));
  }

  absl::Status PutCheckpoint(const CheckpointObject& checkpoint) override {
    return Write(
        "INSERT INTO checkpoint (domain, url, sha256, size_bytes, etag,"
        " last_modified, content_type, created_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        " ON CONFLICT DO UPDATE SET sha256 = ?3, size_bytes = ?4, etag = ?5,"
        " last_modified = ?6, content_type = ?7, created_at = ?8",
        {checkpoint.domain, checkpoint.url, checkpoint.sha256,
         checkpoint.size_bytes, checkpoint.etag, checkpoint.last_modified,
         checkpoint.content_type, Micros(checkpoint.created_at)});
  }

  absl::Status RemoveCheckpoint(const std::string& domain,
                                const std::string& url) override {
    return Write("DELETE FROM checkpoint WHERE domain = ?1 AND url = ?2",
                 {domain, url});
  }

  absl::StatusOr<Page<CheckpointObject>> ListCheckpoints(
      int page_size, const std::string& token) override {
    static const std::string kSql = NewestFirst(kSelectCheckpoint);
    return PageByAge<CheckpointObject>(kSql, page_size, token,
                                       CheckpointFromRow);
  }

  absl::StatusOr<bool> HasBlob(const std::string& sha256) override {
    HUBD_ASSIGN_OR_RETURN(Connections::Reader reader, connections_->Read());
    HUBD_ASSIGN_OR_RETURN(
        SqlRows rows,
        reader->Query("SELECT 1 FROM checkpoint WHERE sha256 = ?1 LIMIT 1",
                      {sha256}));
    return rows.Next();
  }

  absl::StatusOr<std::optional<UnpackedObject>> LookupUnpacked(
      const std::string& sha256) override {
    static const std::string kSql =
        absl::StrCat(kSelectUnpacked, " WHERE sha256 = ?1");
    return One<UnpackedObject>(kSql, {sha256}, UnpackedFromRow);
  }

  absl::Status PutUnpacked(const UnpackedObject& unpacked) override {
    return Write(
        "INSERT INTO unpacked (sha256, size_bytes, members, created_at)"
        " VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET size_bytes = ?2, members = ?3,"
        " created_at = ?4",
        {unpacked.sha256, unpacked.size_bytes, EncodeLines(unpacked.members),
         Micros(unpacked.created_at)});
  }

  absl::Status RemoveUnpacked(const std::string& sha256) override {
    return Write("DELETE FROM unpacked WHERE sha256 = ?1", {sha256});
  }

  absl::StatusOr<Page<UnpackedObject>> ListUnpacked(
      int page_size, const std::string& token) override {
    static const std::string kSql = NewestFirst(kSelectUnpacked);
    return PageByAge<UnpackedObject>(kSql, page_size, token, UnpackedFromRow);
  }

  absl::StatusOr<std::shared_ptr<const RefsObject>> LookupRefs(
      const std::string& domain, const RepoId& repo) override {
    if (auto known = known_refs_.Find(domain, repo)) return known;
    const int64_t generation = known_refs_.generation();
    HUBD_ASSIGN_OR_RETURN(Connections::Reader reader, connections_->Read());
    HUBD_ASSIGN_OR_RETURN(
        SqlRows rows,
        reader->Query("SELECT asked_at, advertisement, moved_to FROM refs WHERE"
                      " domain = ?1 AND host = ?2 AND owner = ?3 AND name = ?4",
                      {domain, repo.host, repo.owner, repo.name}));
    HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
    if (!there) return nullptr;
    auto refs = std::make_shared<const RefsObject>(RefsObject{
        domain, repo, DecodeAdvertisement(rows.Text(1)),
        absl::FromUnixMicros(rows.Int(0)), DecodeRepo(rows.Text(2))});
    known_refs_.NoteRead(refs, generation);
    return refs;
  }

  std::shared_ptr<const RefsObject> RefsInMemory(const std::string& domain,
                                                 const RepoId& repo) override {
    return known_refs_.Find(domain, repo);
  }

  absl::Status PutRefs(const RefsObject& refs) override {
    HUBD_RETURN_IF_ERROR(Write(
        "INSERT INTO refs (domain, host, owner, name, asked_at, advertisement,"
        " moved_to) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE"
        " SET asked_at = ?5, advertisement = ?6, moved_to = ?7",
        {refs.domain, refs.repo.host, refs.repo.owner, refs.repo.name,
         Micros(refs.asked_at), EncodeAdvertisement(refs.advertisement),
         refs.moved_to ? refs.moved_to->ToString() : std::string()}));
    known_refs_.NoteWritten(std::make_shared<const RefsObject>(refs));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::pair<std::string, RepoId>>> ReposWithRefs()
      override {
    HUBD_ASSIGN_OR_RETURN(Connections::Reader reader, connections_->Read());
    HUBD_ASSIGN_OR_RETURN(
        SqlRows rows,
        reader->Query("SELECT domain, host, owner, name FROM refs"));
    std::vector<std::pair<std::string, RepoId>> repos;
    while (true) {
      HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
      if (!there) return repos;
      repos.push_back(
          {rows.Text(0), {rows.Text(1), rows.Text(2), rows.Text(3)}});
    }
  }

  absl::StatusOr<std::vector<TreeObject>> TreesOfRepo(
      const std::string& domain, const RepoId& repo,
      const std::string& route) override {
    static const std::string kSql =
        absl::StrCat(kSelectTree,
                     " WHERE domain = ?1 AND host = ?2 AND owner = ?3"
                     " AND name = ?4 AND (?5 = '' OR route = ?5)"
                     " ORDER BY created_at DESC, id DESC LIMIT ?6");
    HUBD_ASSIGN_OR_RETURN(
        Page<TreeObject> page,
        OnePage<TreeObject>(
            kSql,
            {domain, repo.host, repo.owner, repo.name, route, kMaxTreesOfRepo},
            kMaxTreesOfRepo, TreeFromRow));
    return page.objects;
  }

  absl::StatusOr<int64_t> OtherBytes() override {
    HUBD_ASSIGN_OR_RETURN(Connections::Reader reader, connections_->Read());
    HUBD_ASSIGN_OR_RETURN(
        SqlRows rows,
        reader->Query("SELECT coalesce(sum(size_bytes), 0) FROM ("
                      "SELECT size_bytes FROM tree"
                      " UNION ALL SELECT size_bytes FROM unpacked)"));
    HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
    return there ? rows.Int(0) : 0;
  }

  absl::StatusOr<std::string> LookupStamp(const std::string& name) override {
    HUBD_ASSIGN_OR_RETURN(
        std::optional<std::string> stamp,
        One<std::string>(
            "SELECT stamp FROM verified WHERE name = ?1", {name},
            [](const SqlRows& row, const Layout&) { return row.Text(0); }));
    return stamp.value_or("");
  }

  absl::Status PutStamp(const std::string& name,
                        const std::string& stamp) override {
    return Write(
        "INSERT OR REPLACE INTO verified (name, stamp) VALUES (?1, ?2)",
        {name, stamp});
  }

  absl::StatusOr<std::optional<std::string>> LookupJobResult(
      uint32_t uid, const std::string& key) override {
    return known_results_.Get(absl::StrCat(uid, "\n", key), [&] {
      return One<std::string>(
          "SELECT result FROM job_result WHERE key = ?1 AND uid = ?2",
          {key, uid},
          [](const SqlRows& row, const Layout&) { return row.Text(0); });
    });
  }

  std::optional<std::string> JobResultInMemory(
      uint32_t uid, const std::string& key) override {
    return known_results_.Find(absl::StrCat(uid, "\n", key));
  }

  // A value is bound as text, which SQLite keeps as the bytes that it is.
  absl::Status PutJobResult(const JobResultObject& result) override {
    return Write(
        "INSERT OR REPLACE INTO job_result (key, uid, domain, host, owner,"
        " name, commit_id, route, result)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CAST(?9 AS BLOB))",
        {result.key, result.uid, result.tree.domain, result.tree.repo.host,
         result.tree.repo.owner, result.tree.repo.name, result.tree.commit,
         result.tree.route, result.result});
  }

  absl::StatusOr<bool> AddTrust(const TrustEntry& entry) override {
    HUBD_ASSIGN_OR_RETURN(
        int64_t added,
        Change("INSERT INTO trust (uid, host, owner, name, hub_dir, created_at)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
               {entry.uid, entry.repo.host, entry.repo.owner, entry.repo.name,
                entry.hub_dir, Micros(entry.created_at)}));
    return added > 0;
  }

  absl::StatusOr<int> RemoveTrust(uint32_t uid, const RepoId& repo,
                                  const std::string& hub_dir) override {
    return Change(
        "DELETE FROM trust WHERE uid = ?1 AND host = ?2 AND owner = ?3"
        " AND name = ?4 AND hub_dir = ?5",
        {uid, repo.host, repo.owner, repo.name, hub_dir});
  }

  absl::StatusOr<int> RemoveAllTrust(uint32_t uid,
                                     const RepoId& repo) override {
    return Change(
        "DELETE FROM trust WHERE uid = ?1 AND host = ?2 AND owner = ?3"
        " AND name = ?4",
        {uid, repo.host, repo.owner, repo.name});
  }

  absl::StatusOr<std::optional<TrustEntry>> LookupTrust(
      uint32_t uid, const RepoId& repo, const std::string& hub_dir) override {
    static const std::string kSql =
        absl::StrCat(kSelectTrust,
                     " WHERE uid = ?1 AND host = ?2 AND owner = ?3"
                     " AND name = ?4 AND hub_dir = ?5");
    return One<TrustEntry>(
        kSql, {uid, repo.host, repo.owner, repo.name, hub_dir}, TrustFromRow);
  }

  absl::StatusOr<Page<TrustEntry>> ListTrust(
      uint32_t uid, const std::optional<std::string>& hub_dir, int page_size,
      const std::string& token) override {
    static const std::string kSql = absl::StrCat(
        kSelectTrust,
        " WHERE uid = ?1 AND (host, owner, name, hub_dir) > (?2, ?3, ?4, ?5)"
        " AND (?6 = 0 OR hub_dir = '' OR hub_dir = ?7)"
        " ORDER BY host, owner, name, hub_dir LIMIT ?8");
    std::vector<std::string> after = {"", "", "", ""};
    if (!token.empty()) {
      HUBD_ASSIGN_OR_RETURN(after, DecodePageToken(token, 4));
    }
    page_size = ClampPageSize(page_size);
    HUBD_ASSIGN_OR_RETURN(
        Page<TrustEntry> page,
        OnePage<TrustEntry>(
            kSql,
            {uid, after[0], after[1], after[2], after[3], hub_dir.has_value(),
             hub_dir.value_or(""), page_size + 1},
            page_size, TrustFromRow));
    if (!page.next_token.empty()) {
      const TrustEntry& last = page.objects.back();
      page.next_token = EncodePageToken(
          {last.repo.host, last.repo.owner, last.repo.name, last.hub_dir});
    }
    return page;
  }

 private:
  // Among the known trees.
  static std::string NameOf(const TreeKey& key) {
    return absl::StrJoin(
        {key.domain, key.repo.ToString(), key.commit, key.route}, "\n");
  }

  static std::string NewestFirst(absl::string_view select) {
    return absl::StrCat(select,
                        " WHERE (created_at, id) < (?1, ?2)"
                        " ORDER BY created_at DESC, id DESC LIMIT ?3");
  }

  absl::Status Write(absl::string_view sql, std::vector<SqlValue> values) {
    return Change(sql, std::move(values)).status();
  }

  // How many rows changed.
  absl::StatusOr<int64_t> Change(absl::string_view sql,
                                 std::vector<SqlValue> values) {
    absl::StatusOr<int64_t> changed =
        connections_->Write(sql, std::move(values));
    // Whatever it changed, and be it by a trigger, or though it failed.
    known_trees_.Clear();
    known_checkpoints_.Clear();
    known_results_.Clear();
    if (!changed.ok()) return WithWayOut(changed.status(), layout_);
    return changed;
  }

  template <class Object>
  absl::StatusOr<std::optional<Object>> One(const std::string& sql,
                                            const std::vector<SqlValue>& values,
                                            FromRow<Object> from_row) {
    HUBD_ASSIGN_OR_RETURN(Connections::Reader reader, connections_->Read());
    HUBD_ASSIGN_OR_RETURN(SqlRows rows, reader->Query(sql, values));
    HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
    if (!there) return std::optional<Object>();
    return std::optional<Object>(from_row(rows, layout_));
  }

  // At most `page_size` objects of a query that asks for one more. Where that
  // one is there, next_token is the id of the last object.
  template <class Object>
  absl::StatusOr<Page<Object>> OnePage(const std::string& sql,
                                       const std::vector<SqlValue>& values,
                                       int page_size,
                                       FromRow<Object> from_row) {
    HUBD_ASSIGN_OR_RETURN(Connections::Reader reader, connections_->Read());
    HUBD_ASSIGN_OR_RETURN(SqlRows rows, reader->Query(sql, values));
    Page<Object> page;
    int64_t last_id = 0;
    while (true) {
      HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
      if (!there) return page;
      if (static_cast<int>(page.objects.size()) == page_size) {
        page.next_token = absl::StrCat(last_id);
        return page;
      }
      last_id = rows.Int(0);
      page.objects.push_back(from_row(rows, layout_));
    }
  }

  template <class Object>
  absl::StatusOr<Page<Object>> PageByAge(const std::string& sql, int page_size,
                                         const std::string& token,
                                         FromRow<Object> from_row) {
    int64_t micros = INT64_MAX;
    int64_t id = INT64_MAX;
    if (!token.empty()) {
      HUBD_ASSIGN_OR_RETURN(std::vector<std::string> fields,
                            DecodePageToken(token, 2));
      if (!absl::SimpleAtoi(fields[0], &micros) ||
          !absl::SimpleAtoi(fields[1], &id)) {
        return DecodePageToken(token, 0).status();
      }
    }
    page_size = ClampPageSize(page_size);
    HUBD_ASSIGN_OR_RETURN(
        Page<Object> page,
        OnePage<Object>(sql, {micros, id, page_size + 1}, page_size, from_row));
    if (!page.next_token.empty()) {
      page.next_token =
          EncodePageToken({absl::StrCat(Micros(page.objects.back().created_at)),
                           page.next_token});
    }
    return page;
  }

  const Layout layout_;
  const std::unique_ptr<Connections> connections_;
  KnownRefs known_refs_;
  KnownRows<TreeObject> known_trees_{256};
  KnownRows<CheckpointObject> known_checkpoints_{1024};
  // Of at most 256 KiB each.
  KnownRows<std::string> known_results_{64};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(const Layout& layout) {
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<Connections> connections,
                        Connections::Open(layout.index(), Migrations(),
                                          Reserve(layout.reserve())));
  return std::make_unique<SqliteCatalog>(layout, std::move(connections));
}

}  // namespace hubd
