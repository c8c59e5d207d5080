#!/bin/bash
# A small campaign as users write them: jobs that wait for others, an array, and a job that fails.
set -eu

echo "Preparing the data"
prepare=$(sbatch --parsable --job-name=prepare --wrap 'sleep 2; echo prepared')

echo "Submitting the simulations"
sbatch --job-name=simulate --array=0-5 --dependency=afterok:$prepare \
  --wrap 'sleep $((2 + SLURM_ARRAY_TASK_ID % 3)); echo simulated $SLURM_ARRAY_TASK_ID'

sbatch --job-name=convert --dependency=afterok:$prepare --wrap '
  echo "reading the mesh"
  sleep 1
  echo "convert: mesh.h5: no such dataset: /boundary/inlet" >&2
  exit 3'

# In a session of its own, as when a tool starts a daemon that submits jobs.
setsid bash -c 'sbatch --job-name=archive --wrap "sleep 1; echo archived"'

echo "Waiting for a look at the machine"
srun --quiet --job-name=inspect --ntasks=1 hostname

sleep 4
echo "All submitted"
