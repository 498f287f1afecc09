"""Bazel from Debian: its missing pieces, and Debian's libraries as targets.

Debian's bazel-bootstrap ships without the repositories that every build loads
(rules_cc, rules_java, remote_coverage_tools) and must work without a network.
"""

_RULES_CC_DEFS = """
cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
"""

def _files_impl(ctx):
    for path, content in ctx.attr.files.items():
        ctx.file(path, content)

_files = repository_rule(implementation = _files_impl, attrs = {
    "files": attr.string_dict(mandatory = True),
})

def debian_bazel():
    """Declares what Debian's Bazel lacks; does nothing under any other."""
    if native.bazel_version:
        return
    native.local_repository(
        name = "rules_java",
        path = "/usr/share/bazel/rules/java",
    )
    _files(name = "rules_cc", files = {
        "BUILD.bazel": "",
        "cc/BUILD.bazel": "",
        "cc/defs.bzl": _RULES_CC_DEFS,
    })
    _files(name = "remote_coverage_tools", files = {
        "BUILD.bazel": """filegroup(
    name = "coverage_report_generator",
    visibility = ["//visibility:public"],
)""",
    })

def _run(ctx, arguments, packages):
    result = ctx.execute(arguments)
    if result.return_code != 0:
        fail("%s: %s\nInstall what deploy/packages.txt lists." % (
            packages,
            result.stderr.strip(),
        ))
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

# linkopts that take libraries from their archives. Those that targets name come
# after them, to be linked dynamically, and are left out, since nobody needs them
# any more.
def _archives(ctx, libraries):
    packages = " ".join([one for one in libraries if not one.startswith("-l")])
    flags = _run(
        ctx,
        ["pkg-config", "--print-errors", "--static", "--libs", packages],
        packages,
    )
    names = {one: None for one in flags + libraries if one.startswith("-l")}
    return (["-Wl,--as-needed", "-Wl,-Bstatic", "-Wl,--start-group"] + list(names) +
            ["-Wl,--end-group", "-Wl,-Bdynamic"])

def _pkg_config_impl(ctx):
    build = ["package(default_visibility = [\"//visibility:public\"])"]
    for name, packages in ctx.attr.packages.items():
        flags = _run(
            ctx,
            ["pkg-config", "--print-errors", "--cflags", "--libs", packages],
            packages,
        )
        build.append("cc_library(name = %r, defines = %r, linkopts = %r)" % (
            name,
            [flag[2:] for flag in flags if flag.startswith("-D")],
            ["-Wl,--as-needed"] + [
                flag
                for flag in flags
                if not flag.startswith("-D") and not flag.startswith("-I")
            ],
        ))
    ctx.file("BUILD.bazel", "\n".join(build) + "\n")
    ctx.file("archives.bzl", "ARCHIVES = %r\n" % {
        name: _archives(ctx, libraries)
        for name, libraries in ctx.attr.archives.items()
    })

pkg_config = repository_rule(
    implementation = _pkg_config_impl,
    attrs = {
        "packages": attr.string_dict(mandatory = True),
        "archives": attr.string_list_dict(),
    },
    local = True,
    configure = True,
    doc = """A cc_library for each of `packages`, with the flags that pkg-config
gives; in archives.bzl, for each of `archives`, the linkopts of a binary that has
these packages, and libraries that pkg-config does not name, within it.""",
)
