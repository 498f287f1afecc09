"""C++ from .proto files, by Debian's protoc and gRPC plug-in."""

def _generate(name, srcs, protos, options, suffix):
    native.genrule(
        name = name,
        srcs = srcs + protos,
        outs = [
            src.replace(".proto", suffix + extension)
            for src in srcs
            for extension in [".h", ".cc"]
        ],
        cmd = "protoc -Iproto %s " % options +
              " ".join(["$(location %s)" % src for src in srcs]),
    )

def cc_proto(name, srcs, deps = [], grpc = False, visibility = None):
    """Two cc_library: `name` with the messages, `name`_grpc with the services.

    The first links no gRPC; the second exists only if grpc is true. The files
    lie below proto/, are included as "hubd/v1/x.pb.h" and "hubd/v1/x.grpc.pb.h",
    and import one another as "hubd/v1/x.proto"; deps names the cc_proto targets
    that they import.
    """
    protos = [dep + "_protos" for dep in deps]
    native.filegroup(
        name = name + "_protos",
        srcs = srcs + protos,
        visibility = visibility,
    )
    _generate(name + "_gen", srcs, protos, "--cpp_out=$(GENDIR)/proto", ".pb")
    native.cc_library(
        name = name,
        srcs = [src.replace(".proto", ".pb.cc") for src in srcs],
        hdrs = [src.replace(".proto", ".pb.h") for src in srcs],
        strip_include_prefix = "/proto",
        visibility = visibility,
        deps = deps + ["@system//:protobuf"],
    )
    if not grpc:
        return
    _generate(
        name + "_grpc_gen",
        srcs,
        protos,
        "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin " +
        "--grpc_out=$(GENDIR)/proto",
        ".grpc.pb",
    )
    native.cc_library(
        name = name + "_grpc",
        srcs = [src.replace(".proto", ".grpc.pb.cc") for src in srcs],
        hdrs = [src.replace(".proto", ".grpc.pb.h") for src in srcs],
        strip_include_prefix = "/proto",
        visibility = visibility,
        deps = [":" + name, "@system//:grpc"],
    )
