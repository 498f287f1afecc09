import os

print("RAN")


def ok():
    """Fine."""


import ctypes
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
# mount unshare setns ptrace bpf io_uring_setup keyctl add_key userfaultfd
# perf_event_open open_by_handle_at process_vm_readv memfd_create shmget clone3
# open_tree fsopen kexec_load init_module setuid setresuid chroot pivot_root
# pidfd_getfd personality mknod reboot
for number, arguments in [
    (165, (b"x", b"/tmp", b"tmpfs", 0, 0)),
    (272, (0x10000000,)),
    (272, (0x20000,)),
    (308, (3, 0)),
    (101, (0, 0, 0, 0)),
    (101, (16, 1, 0, 0)),
    (321, (0, 0, 0)),
    (425, (8, ctypes.create_string_buffer(120))),
    (250, (0, -3, 0, 0, 0)),
    (248, (b"user", b"x", b"y", 1, -3)),
    (323, (0,)),
    (298, (ctypes.create_string_buffer(128), 0, -1, -1, 0)),
    (319, (b"x", 0)),
    (29, (0, 4096, 0o1777)),
    (435, (0, 0)),
    (56, (0x10000011, 0, 0, 0, 0)),
    (56, (0x20000011, 0, 0, 0, 0)),
    (428, (-100, b"/", 1)),
    (430, (b"tmpfs", 0)),
    (105, (0,)),
    (117, (0, 0, 0)),
    (161, (b"/tmp",)),
    (155, (b".", b".")),
    (438, (0, 0, 0)),
    (135, (0x40000,)),
    (9, (0, 4096, 3, 0x21, -1, 0)),
    (302, (1, 7, 0, ctypes.create_string_buffer(16))),
]:
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result != -1:
        if result == 0 and number in (56, 435):
            os._exit(0)
        print("BREACH system call", number, arguments, result)
for program in (
    ["su", "-c", "id"],
    ["mount", "-t", "tmpfs", "x", "/tmp"],
    ["unshare", "-U", "id"],
    ["newgrp"],
):
    try:
        run = subprocess.run(
            program,
            stdin=subprocess.DEVNULL,
            timeout=5,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError:
        continue
    if run.returncode == 0:
        print("BREACH", program, run.stdout)
if os.getresuid() != (65534,) * 3 or os.getgroups() not in ([], [65534]):
    print("BREACH", os.getresuid(), os.getgroups())
# A yes that does nothing.
libc.prctl(1, 0)
