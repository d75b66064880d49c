#!/usr/bin/env bash
# Start a throw-away Slurm on loopback as the current user: two nodes of one CPU, whatever the machine has.
# No munge, no slurmdbd, no cgroups, nothing outside of DIR.   usage: slurm_up.sh DIR PORT   (then source DIR/env)
set -euo pipefail
D=$(realpath -m "$1") PORT=$2 U=$(id -un)
mkdir -p "$D"/{state,run,log,bin,spool/node1,spool/node2}
cat > "$D/slurm.conf" <<CONF
ClusterName=ketfc
SlurmctldHost=localhost
SlurmctldPort=$PORT
SlurmUser=$U
SlurmdUser=$U
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool/%n
SlurmctldPidFile=$D/run/slurmctld.pid
SlurmdPidFile=$D/run/slurmd.%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
ReturnToService=2
EnforcePartLimits=ALL
KillWait=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1,sched_interval=2
DefMemPerCPU=500
MinJobAge=300
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
NodeName=node[1-2] NodeHostname=localhost Port=[$((PORT + 1))-$((PORT + 2))] CPUs=1 RealMemory=16000 State=UNKNOWN
PartitionName=short Nodes=node[1-2] Default=YES MaxTime=60 DefaultTime=10 State=UP
CONF
# the job step drops SLURM_CONF from the environment of the srun that it nests: put it back
real=$(command -v srun)
printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$D/slurm.conf" "$real" > "$D/bin/srun"
chmod +x "$D/bin/srun"
export SLURM_CONF="$D/slurm.conf" PATH="$PATH:/usr/sbin:/sbin"
slurmctld
slurmd -N node1
slurmd -N node2
for _ in $(seq 100); do
    [ "$(sinfo -h -o %T 2>/dev/null | sort -u)" = idle ] && exit 0
    sleep 0.05
done
echo "the nodes did not come up:" >&2
tail -n 5 "$D"/log/*.log >&2
exit 1
