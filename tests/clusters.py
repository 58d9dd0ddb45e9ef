"""Real clusters for tests, on this machine alone: a Dask scheduler with workers on two hosts, and Slurm with two nodes.

Everything is started here and ended here; nothing of the machine's own is used or changed.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

PATIENCE = 30  # seconds that a daemon has to get up


def free_ports(number):
    """Find ports that nobody listens on."""
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def until(happened, what):
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not get up"
        time.sleep(0.1)


class Daemons:
    """Processes in the background, each with a log, that are ended together."""

    def __init__(self, folder):
        self.folder = folder
        self.running = {}

    def start(self, name, command, **environment):
        """Start a daemon in a process group of its own."""
        with (self.folder / f"{name}.log").open("a") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=os.environ | environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name, number=signal.SIGKILL):
        """Kill a daemon with all that it started in its group."""
        process = self.running.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, number)
        process.wait()

    def end(self):
        """Kill what still runs."""
        for name in list(self.running):
            self.kill(name)


class Hosts:
    """Two network namespaces beside this one: two other hosts, as far as anybody can tell by network and names.

    Each is joined to this one by a pair of virtual interfaces: 10.N.1.1 here, 10.N.1.2 there, and so on.
    """

    def __init__(self):
        self.prefix = f"cs{secrets.token_hex(2)}"
        self.net = f"10.{100 + secrets.randbelow(100)}"  # another session may have hosts of its own
        self.names = []

    @staticmethod
    def obstacle():
        """Say why there can't be any; None if there can."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        if shutil.which("ip") is None:
            return "network namespaces need Debian's package iproute2"
        tried = subprocess.run(["ip", "netns", "add", "cs-trial"], capture_output=True, text=True, check=False)
        subprocess.run(["ip", "netns", "delete", "cs-trial"], capture_output=True, check=False)
        return f"network namespaces can't be made here: {tried.stderr.strip()}" if tried.returncode else None

    def make(self):
        """Make them."""
        for number in (1, 2):
            name = f"{self.prefix}-{number}"
            self.names.append(name)
            near, far = f"{self.prefix}n{number}", f"{self.prefix}f{number}"
            for command in (
                f"ip netns add {name}",
                f"ip link add {near} type veth peer name {far} netns {name}",
                f"ip address add {self.net}.{number}.1/24 dev {near}",
                f"ip link set {near} up",
                f"ip -n {name} address add {self.net}.{number}.2/24 dev {far}",
                f"ip -n {name} link set {far} up",
                f"ip -n {name} link set lo up",
                f"ip -n {name} route add default via {self.net}.{number}.1",
            ):
                subprocess.run(command.split(), check=True, capture_output=True)

    def inside(self, number, setup=":"):
        """Return what goes before a command that is to run on a host, named ``host1`` or ``host2``.

        Args:
            number: Which one: 1 or 2.
            setup: What the shell does there first, with mounts that nobody else sees.
        """
        named = f'hostname host{number}; {setup}; exec "$@"'
        return ["ip", "netns", "exec", self.names[number - 1], "unshare", "--uts", "--mount", "sh", "-ec", named, "sh"]

    def remove(self):
        """Remove them, and with them their interfaces."""
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


class DaskCluster:
    """A scheduler here and a worker of one thread in each of two namespaces."""

    def __init__(self, folder):
        self.daemons = Daemons(folder)
        self.hosts = Hosts()
        (self.port,) = free_ports(1)
        self.address = f"tcp://127.0.0.1:{self.port}"

    @classmethod
    @contextmanager
    def running(cls, folder, workers=(1, 2)):
        """Start all of it, with the workers of some hosts, and end it afterwards; skip the tests if it can't be."""
        pytest.importorskip("distributed", reason="needs convsweep[dask]")
        if obstacle := Hosts.obstacle():
            pytest.skip(obstacle)
        cluster = cls(folder)
        try:
            cluster.hosts.make()
            cluster.start_scheduler()
            for number in workers:
                cluster.start_worker(number)
            yield cluster
        finally:
            cluster.end()

    def start_scheduler(self):
        """Start the scheduler; it listens on all interfaces, since namespaces reach it by different ones."""
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "0.0.0.0"]
        self.daemons.start("scheduler", [*command, "--port", str(self.port), "--no-dashboard"])
        until(self._listens, "Dask's scheduler")

    def start_worker(self, number, setup=":", **environment):
        """Start the worker of a host."""
        name = f"worker{number}"
        scheduler = f"tcp://{self.hosts.net}.{number}.1:{self.port}"
        command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler]
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(self.daemons.folder / name)]
        log = self.daemons.folder / f"{name}.log"
        already = log.read_text().count("Registered to") if log.exists() else 0
        self.daemons.start(name, [*self.hosts.inside(number, setup), *command, *options], **environment)
        until(lambda: log.read_text().count("Registered to") > already, "a Dask worker")

    def restart_worker(self, number, setup=":", **environment):
        """Kill a host's worker, and start another there."""
        self.daemons.kill(f"worker{number}")
        self.start_worker(number, setup, **environment)

    def end(self):
        """End all of it."""
        self.daemons.end()
        self.hosts.remove()

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


SLURM_CONF = """
ClusterName=convsweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MinJobAge=10
MaxArraySize=1001
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=2000
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=2000
PartitionName=main Nodes=ALL Default=YES MaxTime=60 MaxNodes=1 State=UP
"""


class SlurmCluster:
    """Slurm's controller and two nodes, all on the loopback interface, with a munge of their own."""

    def __init__(self, folder):
        self.daemons = Daemons(folder)
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    @staticmethod
    def obstacle():
        """Say why there can't be one; None if there can."""
        if os.geteuid() != 0:
            return "Slurm's daemons need root"
        programs = {"slurmctld": "slurmctld", "slurmd": "slurmd", "munged": "munge", "sbatch": "slurm-client"}
        missing = [package for program, package in programs.items() if shutil.which(program) is None]
        return f"needs Debian's package {missing[0]}" if missing else None

    def start(self):
        """Start all of it; return once both nodes are idle."""
        (self.folder / "state").mkdir()
        text = SLURM_CONF.format(folder=self.folder, host=socket.gethostname(), ports=free_ports(3))
        (self.folder / "slurm.conf").write_text(text)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        names = {name: f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "log", "pid", "seed")}
        options = ["--foreground", "--force", f"--socket={self.folder}/munge.socket", *names.values()]
        self.daemons.start("munged", ["munged", *options])
        until((self.folder / "munge.socket").exists, "munge")
        self.start_controller()
        for node in ("node1", "node2"):
            self.start_node(node)
        until(lambda: self.states() == ["idle", "idle"], "Slurm")

    def start_controller(self):
        """Start the controller, which keeps its queue on disk."""
        self.daemons.start("slurmctld", ["slurmctld", "-D", "-i"], **self.environment)

    def start_node(self, name):
        """Start a node's daemon."""
        self.daemons.start(name, ["slurmd", "-D", "-N", name], **self.environment)

    def states(self):
        """Return the nodes' states."""
        return self.ask("sinfo", "--noheader", "--Node", "--format=%T").split()

    def queue(self):
        """Return the tasks in the queue, with their states."""
        return self.ask("squeue", "--noheader", "--array", "--format=%i %T").splitlines()

    def next_number(self):
        """Return the number that the next task gets."""
        return int(re.search(r"NEXT_JOB_ID\s*= (\d+)", self.ask("scontrol", "show", "config"))[1])

    def ask(self, *command):
        """Run one of Slurm's commands; return what it prints."""
        done = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def end(self):
        """Cancel what is queued, and end all daemons."""
        self.ask("scancel", "--user=root")
        self.daemons.end()
