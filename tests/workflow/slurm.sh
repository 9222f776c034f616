#!/usr/bin/env bash
# A Slurm of two nodes on loopback, as root, without systemd and without accounting. Argument: an empty folder. What it leaves
# outside of that: /run/slurm/conf/slurm.conf, a link to the folder, and a munged with its folders.
set -euo pipefail
folder=$1 host=$(hostname -s)
mkdir -p "$folder"/state "$folder"/log
install -d -o munge -g munge -m 0755 /run/munge /var/lib/munge /var/log/munge
pgrep -u munge munged >/dev/null || runuser -u munge -- munged --force
cat >"$folder/slurm.conf" <<CONF
ClusterName=tiny
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=3600
SlurmdTimeout=30
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
NodeName=n1 NodeAddr=127.0.0.1 NodeHostname=$host Port=17821 CPUs=4 RealMemory=8000 State=UNKNOWN
NodeName=n2 NodeAddr=127.0.0.1 NodeHostname=$host Port=17822 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=60 State=UP
CONF
# A job's steps have lost SLURM_CONF; this is where Slurm looks next.
install -d /run/slurm/conf
ln -sfn "$folder/slurm.conf" /run/slurm/conf/slurm.conf
export SLURM_CONF="$folder/slurm.conf"
slurmctld
slurmd -N n1
slurmd -N n2
for _ in $(seq 60); do
    [ "$(sinfo --noheader --Node --states=idle --format=%N | sort -u | wc -l)" = 2 ] && exit
    sleep 0.5
done
sinfo --Node >&2
exit 1
