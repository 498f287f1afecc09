"""clang-tidy over our C++: one action a file, so that only what changed is read.

bazel build --aspects //deploy/bazel:tidy.bzl%tidy --output_groups=tidy TARGETS
"""

def _context(target, ctx):
    deps = [dep[CcInfo] for dep in ctx.rule.attr.deps if CcInfo in dep]
    own = [target[CcInfo]] if CcInfo in target else []
    return cc_common.merge_cc_infos(cc_infos = deps + own).compilation_context

def _tidy(source, context, headers, ctx):
    done = ctx.actions.declare_file("%s.%s.tidy" % (ctx.rule.attr.name, source.basename))
    arguments = ctx.actions.args()
    arguments.add(done)
    arguments.add_all(["--quiet", source, "--", "-std=c++20", "-xc++"])
    arguments.add_all(["-iquote", ".", "-iquote", ctx.bin_dir.path])
    arguments.add_all(context.includes, before_each = "-isystem")
    arguments.add_all(context.system_includes, before_each = "-isystem")
    arguments.add_all(context.quote_includes, before_each = "-iquote")
    arguments.add_all(context.defines, format_each = "-D%s")
    ctx.actions.run_shell(
        outputs = [done],
        inputs = depset(
            [source] + headers + ctx.files._config,
            transitive = [context.headers],
        ),
        # Without the count of warnings in the headers of others. deploy/test runs
        # tests beside it, which go first.
        command = """
            out=$1; shift
            nice -n 19 clang-tidy-19 "$@" >"$out" 2>&1 && exit
            cat "$out" >&2; exit 1
        """,
        arguments = [arguments],
        mnemonic = "ClangTidy",
        progress_message = "clang-tidy %s" % source.short_path,
    )
    return done

def _tidy_impl(target, ctx):
    if ctx.rule.kind not in ["cc_binary", "cc_library", "cc_test"]:
        return []
    sources = [file for file in ctx.rule.files.srcs if file.is_source]
    headers = getattr(ctx.rule.files, "hdrs", [])
    headers = headers + [file for file in sources if file.extension == "h"]
    context = _context(target, ctx)
    return [OutputGroupInfo(tidy = depset([
        _tidy(source, context, headers, ctx)
        for source in sources
        if source.extension == "cc"
    ]))]

tidy = aspect(
    implementation = _tidy_impl,
    attrs = {"_config": attr.label(
        default = "//:.clang-tidy",
        allow_files = True,
    )},
)
