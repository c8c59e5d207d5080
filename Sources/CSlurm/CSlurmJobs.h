// Jobs and steps as Swift reads them, and functions that fill them from the structures of libslurm. See CSlurm.h.
#ifndef DUCT_CSLURM_JOBS_H
#define DUCT_CSLURM_JOBS_H

#include <slurm/slurm.h>
#include <slurm/slurm_version.h>
#include <slurm/slurmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// A job's data from slurmctld or slurmdbd. libslurm's answer owns the strings.
struct duct_slurm_job {
  uint32_t job_id, array_job_id, array_task_id, het_job_id, het_job_offset, user_id;
  uint32_t state, exit_code, derived_exit_code;
  int64_t restarts;  ///< -1: not reported
  int64_t submit_time, eligible_time, start_time, end_time, suspended_seconds, elapsed;
  uint32_t time_limit_minutes, node_count, cpu_count;
  uint32_t alloc_sid;
  int32_t reason;    ///< -1: not reported
  uint32_t qos_id;
  uint32_t cancelled_by;  ///< -1: not cancelled by a user, or not reported
  bool is_batch;
  const char *batch_host, *alloc_node, *array_task_str, *name, *user_name, *account, *partition, *qos, *nodes,
      *tres_requested, *tres_allocated, *working_dir, *submit_line, *dependency, *wckey, *cluster,
      *std_out, *std_err;
};

/// Reads a job of slurmctld. `now` is the controller's time of its answer.
static inline struct duct_slurm_job duct_slurm_controller_job(const slurm_job_info_t *job, int64_t now) {
  struct duct_slurm_job out;
  memset(&out, 0, sizeof out);
  out.job_id = job->job_id;
  out.array_job_id = job->array_job_id;
  out.array_task_id = job->array_task_id;
  out.het_job_id = job->het_job_id;
  out.het_job_offset = job->het_job_offset;
  out.user_id = job->user_id;
  out.state = job->job_state;
  out.exit_code = job->exit_code;
  out.derived_exit_code = job->derived_ec;
  out.restarts = job->restart_cnt;
  out.submit_time = job->submit_time;
  out.eligible_time = job->eligible_time;
  out.start_time = job->start_time;
  out.end_time = job->end_time;
  out.suspended_seconds = 0;
  out.elapsed = -1;
  // Computed as squeue does: pre_sus_time is the time that the job ran before suspend_time, when it was last
  // suspended or resumed. The end_time of a running job is its time limit.
  if (job->suspend_time != 0 && job->start_time != 0) {
    uint32_t base = job->job_state & 0xff;
    int64_t end = base == JOB_RUNNING || job->end_time == 0 ? now : (int64_t)job->end_time;
    int64_t since = end - (int64_t)job->suspend_time;
    out.elapsed = (int64_t)job->pre_sus_time + (base == JOB_SUSPENDED || since < 0 ? 0 : since);
  }
  out.time_limit_minutes = job->time_limit;
  out.node_count = job->num_nodes;
  out.cpu_count = job->num_cpus;
  out.alloc_sid = job->alloc_sid;
  out.reason = (int32_t)job->state_reason;
  out.cancelled_by = (uint32_t)-1;
  out.is_batch = job->batch_flag != 0;
  out.batch_host = job->batch_host;
  out.alloc_node = job->alloc_node;
  out.array_task_str = job->array_task_str;
  out.name = job->name;
  out.user_name = job->user_name;
  out.account = job->account;
  out.partition = job->partition;
  out.qos = job->qos;
  out.nodes = job->nodes;
  out.tres_requested = job->tres_req_str;
  out.tres_allocated = job->tres_alloc_str;
  out.working_dir = job->work_dir;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
  out.submit_line = job->submit_line;
#endif
  out.dependency = job->dependency;
  out.wckey = job->wckey;
  out.cluster = job->cluster;
  out.std_out = job->std_out;
  out.std_err = job->std_err;
  return out;
}

static inline struct duct_slurm_job duct_slurm_accounting_job(const slurmdb_job_rec_t *job) {
  struct duct_slurm_job out;
  memset(&out, 0, sizeof out);
  out.job_id = job->jobid;
  out.array_job_id = job->array_job_id;
  out.array_task_id = job->array_task_id;
  out.het_job_id = job->het_job_id;
  out.het_job_offset = job->het_job_offset;
  out.user_id = job->uid;
  out.state = job->state;
  out.exit_code = job->exitcode;
  out.derived_exit_code = job->derived_ec;
  out.restarts = -1;
  out.submit_time = job->submit;
  out.eligible_time = job->eligible;
  out.start_time = job->start;
  out.end_time = job->end;
  out.suspended_seconds = job->suspended;
  out.elapsed = job->elapsed;
  out.time_limit_minutes = job->timelimit;
  out.node_count = job->alloc_nodes;
  out.cpu_count = job->req_cpus;
  out.reason = -1;
  out.qos_id = job->qosid;
  out.cancelled_by = job->requid;
  out.array_task_str = job->array_task_str;
  out.name = job->jobname;
  out.user_name = job->user;
  out.account = job->account;
  out.partition = job->partition;
  out.nodes = job->nodes;
  out.tres_requested = job->tres_req_str;
  out.tres_allocated = job->tres_alloc_str;
  out.working_dir = job->work_dir;
  out.submit_line = job->submit_line;
  out.wckey = job->wckey;
  out.cluster = job->cluster;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(24, 5, 0)
  out.std_out = job->std_out;
  out.std_err = job->std_err;
#endif
  return out;
}

/// A step's resource use. TRES lists are in the database's form, with numbers.
struct duct_slurm_step {
  uint32_t step_id;
  int32_t exit_code;
  int64_t start_time, end_time;
  double cpu_seconds;
  const char *usage_in_max, *usage_in_tot, *usage_out_tot;
};

static inline struct duct_slurm_step duct_slurm_accounting_step(const slurmdb_step_rec_t *step) {
  struct duct_slurm_step out;
  out.step_id = step->step_id.step_id;
  out.exit_code = step->exitcode;
  out.start_time = step->start;
  out.end_time = step->end;
  out.cpu_seconds = (double)step->tot_cpu_sec + (double)step->tot_cpu_usec / 1e6;
  out.usage_in_max = step->stats.tres_usage_in_max;
  out.usage_in_tot = step->stats.tres_usage_in_tot;
  out.usage_out_tot = step->stats.tres_usage_out_tot;
  return out;
}

#endif
