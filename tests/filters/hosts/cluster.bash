# cluster.bash: Slurm, of the user who tests: a key, sockets and daemons of its own on loopback. The partition main has the nodes
# n1 and n2, of CPUS (1) processors each. n3 has two, and two devices, which are /dev/null and /dev/zero; it is of the partitions gpu,
# low, brief and high, of which the last takes the node from low at once, and from brief after a grace time. n1 has a device without a
# number. Where ACCOUNTING is set, and slurmdbd and MariaDB are installed, there is accounting. All is in the folder $CLUSTER, with $SLURM_CONF; nothing of a Slurm that the machine may have is used.

no_cluster() { # why there can be none; nothing where there can
    local program
    for program in munged slurmctld slurmd sbatch; do
        command -v $program >/dev/null || { echo "$program absent (Debian: slurm-wlm)"; return; }
    done
}

no_accounting() { # why there can be none; nothing where there can
    local program
    for program in slurmdbd mariadbd mariadb-install-db; do
        command -v $program >/dev/null || { echo "$program absent (Debian: slurmdbd, mariadb-server)"; return; }
    done
}

start_accounting() { # start_accounting PORT PORT: of the database and of slurmdbd
    local i user
    user=$(id -un)
    mariadb-install-db --no-defaults --user="$user" --datadir="$CLUSTER/accounts" --auth-root-authentication-method=normal \
        --skip-test-db >"$CLUSTER/says" 2>&1
    mariadbd --no-defaults --user="$user" --datadir="$CLUSTER/accounts" --socket="$CLUSTER/database" --pid-file="$CLUSTER/database.pid" \
        --bind-address=127.0.0.1 --port="$1" --innodb-buffer-pool-size=8M --skip-log-bin 3>&- >"$CLUSTER/database.log" 2>&1 &
    for ((i = 0; i < 300; i++)); do
        ! mariadb --no-defaults --socket="$CLUSTER/database" --user=root --execute="
            CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm'; GRANT ALL ON *.* TO slurm@'127.0.0.1'" 2>/dev/null || break
        sleep 0.1
    done
    (umask 077 && cat >"$CLUSTER/slurmdbd.conf") <<END
AuthType=auth/munge
AuthInfo=socket=$CLUSTER/socket,cred_expire=5
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$2
SlurmUser=$user
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$1
StorageUser=slurm
StoragePass=slurm
LogFile=$CLUSTER/slurmdbd.log
PidFile=$CLUSTER/slurmdbd.pid
END
    slurmdbd 3>&- >>"$CLUSTER/says" 2>&1
    for ((i = 0; i < 300; i++)); do
        ! (: 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null || break
        sleep 0.1
    done
    printf '%s\n' AccountingStorageType=accounting_storage/slurmdbd AccountingStorageHost=127.0.0.1 "AccountingStoragePort=$2" \
        "AccountingStoragePass=$CLUSTER/socket" >>"$SLURM_CONF"
}

start_cluster() {
    local host node i
    host=$(hostname -s)
    mkdir -p "$CLUSTER"/state
    chmod 700 "$CLUSTER"
    head -c 1024 /dev/urandom >"$CLUSTER/key"
    chmod 400 "$CLUSTER/key"
    # A port each that nobody listens to
    mapfile -t ports < <(/usr/bin/python3 -c 'import socket
sockets = [socket.socket() for _ in range(6)]
for one in sockets: one.bind(("127.0.0.1", 0))
for one in sockets: print(one.getsockname()[1])')
    cat >"$SLURM_CONF" <<END
ClusterName=pleura
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$CLUSTER/socket,cred_expire=5
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/%n
SlurmdPidFile=$CLUSTER/%n.pid
SlurmctldPidFile=$CLUSTER/controller.pid
SlurmctldLogFile=$CLUSTER/controller.log
SlurmdLogFile=$CLUSTER/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=100000,batch_sched_delay=0
SlurmdParameters=config_overrides
MessageTimeout=2
ReturnToService=2
SlurmdTimeout=6
KillWait=2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=${CPUS:-1} Gres=gpu:1
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=${CPUS:-1}
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[3]} CPUs=2 Gres=gpu:2
PartitionName=main Nodes=n1,n2 Default=YES
PartitionName=gpu Nodes=n3
PartitionName=low Nodes=n3 PriorityTier=1
PartitionName=brief Nodes=n3 PriorityTier=1 GraceTime=20
PartitionName=high Nodes=n3 PriorityTier=2
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
END
    printf 'NodeName=n3 Name=gpu File=/dev/%s\n' null zero >"$CLUSTER/gres.conf"
    # What is no device has no number.
    echo "NodeName=n1 Name=gpu File=$CLUSTER/gres.conf" >>"$CLUSTER/gres.conf"
    munged --force --key-file="$CLUSTER/key" --socket="$CLUSTER/socket" --pid-file="$CLUSTER/munged.pid" \
        --log-file="$CLUSTER/munged.log" --seed-file="$CLUSTER/seed" 3>&- >"$CLUSTER/munged.says" 2>&1
    [ -z "${ACCOUNTING-}" ] || [ -n "$(no_accounting)" ] || start_accounting "${ports[4]}" "${ports[5]}"
    start_controller -c
    for node in n1 n2 n3; do start_node $node; done
    for ((i = 0; i < 100; i++)); do
        [ "$(sinfo --noheader --Node --format=%T 2>/dev/null | sort -u)" != idle ] || return 0
        sleep 0.2
    done
    sinfo --Node
    tail -v -n 20 "$CLUSTER"/*.log
    return 1
}

start_controller() { # start_controller [OPTION]
    slurmctld -f "$SLURM_CONF" "$@" 3>&- >>"$CLUSTER/says" 2>&1
}

start_node() { # start_node NAME
    mkdir -p "$CLUSTER/$1"
    SLURMD_NODENAME=$1 slurmd -N "$1" -f "$SLURM_CONF" 3>&- >>"$CLUSTER/says" 2>&1
}

stop_node() { # stop_node NAME: it, and all that runs there, at one moment, so that nothing tells of another's end
    local process parent processes=()
    for process in /proc/[0-9]*; do # these have its name in the environment, but for what started a job's script
        [ "$({ tr '\0' '\n' <"$process/environ"; } 2>/dev/null | grep -cxE "SLURMD_NODENAME=$1|SLURM_CONF=$SLURM_CONF")" = 2 ] || continue
        processes+=("${process##*/}")
        parent=$(sed -n 's/^PPid:\t//p' "$process/status" 2>/dev/null || true)
        [ "$(cat "/proc/$parent/comm" 2>/dev/null)" != slurmstepd ] || processes+=("$parent")
    done
    kill -STOP "${processes[@]}" 2>/dev/null || true
    kill -KILL "${processes[@]}" 2>/dev/null || true
}

stop_controller() {
    local pid
    pid=$(cat "$CLUSTER/controller.pid")
    kill -9 "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

stop_cluster() {
    local node
    stop_controller
    for node in n1 n2 n3; do stop_node $node; done
    if [ -e "$CLUSTER/slurmdbd.pid" ]; then kill "$(cat "$CLUSTER/slurmdbd.pid")" "$(cat "$CLUSTER/database.pid")"; fi
    kill "$(cat "$CLUSTER/munged.pid")"
}
