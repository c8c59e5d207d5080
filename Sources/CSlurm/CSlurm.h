// The public headers of libslurm, and functions that read its structures.
//
// The structures change with each release of Slurm: members move, grow and disappear. So Swift does not read them.
// It reads the structures below and in CSlurmJobs.h, which the functions of these two files fill. Only these files
// know the structures of the releases; what releases print and how they name files is in Swift (SlurmRelease). All
// releases have the lists `struct xlist` and `struct listIterator`; other names for them exist only in some releases.
// contrib/check-releases compiles both files against the headers of every available release.
#ifndef DUCT_CSLURM_H
#define DUCT_CSLURM_H

#include <errno.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>
#include <slurm/slurmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "CSlurmJobs.h"

// Expressions in macros, which Swift cannot import.

/// Include jobs of hidden partitions and details, but only jobs of this cluster: for jobs of a federation, the wait
/// doubles when the controller is down.
static const uint16_t duct_slurm_show_flags = SHOW_ALL | SHOW_DETAIL | SHOW_LOCAL;
static const int duct_slurm_invalid_job_id = ESLURM_INVALID_JOB_ID;

/// The release of the headers: 0x160508 is 22.05.8.
static const uint32_t duct_slurm_header_version = SLURM_VERSION_NUMBER;

/// The number in the soname of the library that is loaded: 38 for libslurm.so.38.
static inline uint32_t duct_slurm_library_number(void) { return (uint32_t)slurm_api_version() >> 16 & 0xff; }

/// The number in the soname that belongs to the headers. It grows by one with each release (seen up to 26.05): 22.05,
/// 23.02, 23.11, and from 2024 on two releases a year, .05 and .11.
static inline uint32_t duct_slurm_header_number(void) {
  uint32_t year = SLURM_VERSION_NUMBER >> 16 & 0xff, month = SLURM_VERSION_NUMBER >> 8 & 0xff;
  if (year < 23) return 38;
  if (year == 23) return month < 11 ? 39 : 40;
  return 41 + (year - 24) * 2 + (month >= 11 ? 1 : 0);
}

/// Slurm's 32-bit marks for "no value" (NO_VAL) and "no limit" (INFINITE).
#define DUCT_SLURM_NO_VALUE 0xfffffffeu
#define DUCT_SLURM_INFINITE 0xffffffffu

// In no public header. Weak, so that a library without them still loads.
extern char *slurm_job_reason_string(int reason) __attribute__((weak));
extern char *slurm_job_state_reason_string(int reason) __attribute__((weak));

/// The name of a flag in a job's state, by its bit; NULL if these headers do not know it.
static inline const char *duct_slurm_state_flag(uint32_t bit) {
#define DUCT_SLURM_FLAG(name) if (bit == (uint32_t)(JOB_##name)) return #name
  DUCT_SLURM_FLAG(LAUNCH_FAILED);
#ifdef JOB_UPDATE_DB  // up to 24.05
  DUCT_SLURM_FLAG(UPDATE_DB);
#endif
#ifdef JOB_GETENV_FAILED  // from 25.05 on
  DUCT_SLURM_FLAG(GETENV_FAILED);
#endif
  DUCT_SLURM_FLAG(REQUEUE);
  DUCT_SLURM_FLAG(REQUEUE_HOLD);
  DUCT_SLURM_FLAG(SPECIAL_EXIT);
  DUCT_SLURM_FLAG(RESIZING);
  DUCT_SLURM_FLAG(CONFIGURING);
  DUCT_SLURM_FLAG(COMPLETING);
  DUCT_SLURM_FLAG(STOPPED);
  DUCT_SLURM_FLAG(RECONFIG_FAIL);
  DUCT_SLURM_FLAG(POWER_UP_NODE);
  DUCT_SLURM_FLAG(REVOKED);
  DUCT_SLURM_FLAG(REQUEUE_FED);
  DUCT_SLURM_FLAG(RESV_DEL_HOLD);
  DUCT_SLURM_FLAG(SIGNALING);
  DUCT_SLURM_FLAG(STAGE_OUT);
#ifdef JOB_EXPEDITING  // from 25.11 on
  DUCT_SLURM_FLAG(EXPEDITING);
#endif
#undef DUCT_SLURM_FLAG
  return NULL;
}

/// Loads a node, or with NULL all nodes, from slurmctld. The caller frees the result with slurm_free_node_info_msg.
/// NULL on failure.
static inline node_info_msg_t *duct_slurm_nodes(const char *node) {
  node_info_msg_t *answer = NULL;
  char *name = node ? strdup(node) : NULL;
  int result = name ? slurm_load_node_single(&answer, name, duct_slurm_show_flags) :
                      slurm_load_node(0, &answer, duct_slurm_show_flags);
  free(name);
  return result == 0 ? answer : NULL;
}

/// The host name of a node; NULL if it is not among `nodes`.
static inline const char *duct_slurm_node_host(const node_info_msg_t *nodes, const char *node) {
  for (uint32_t i = 0; i < nodes->record_count; i++) {
    const node_info_t *entry = &nodes->node_array[i];
    if (entry->name && strcmp(entry->name, node) == 0) return entry->node_hostname;
  }
  return NULL;
}

static inline const char *duct_slurm_reason(int reason) {
  if (slurm_job_reason_string) return slurm_job_reason_string(reason);
  if (slurm_job_state_reason_string) return slurm_job_state_reason_string(reason);
  return NULL;
}

/// The list's elements in an array that the caller frees; `count` receives their number.
static inline void **duct_slurm_list_elements(struct xlist *list, int *count) {
  *count = list ? slurm_list_count(list) : 0;
  void **elements = (void **)calloc((size_t)*count + 1, sizeof *elements);
  if (!elements || *count == 0) return elements;
  struct listIterator *next = slurm_list_iterator_create(list);
  int filled = 0;
  while (filled < *count && (elements[filled] = slurm_list_next(next)) != NULL) filled++;
  slurm_list_iterator_destroy(next);
  *count = filled;
  return elements;
}

static inline void duct_slurm_append_text(struct xlist *list, const char *text) {
  slurm_list_append(list, strdup(text));
}
static inline struct xlist *duct_slurm_text_list(void) { return slurm_list_create(free); }

static inline void duct_slurm_append_job(struct xlist *list, uint32_t job_id) {
  slurm_selected_step_t *selected = (slurm_selected_step_t *)calloc(1, sizeof *selected);
  if (!selected) return;
  selected->array_task_id = DUCT_SLURM_NO_VALUE;
  selected->het_job_offset = DUCT_SLURM_NO_VALUE;
  selected->step_id.job_id = job_id;
  selected->step_id.step_id = DUCT_SLURM_NO_VALUE;
  selected->step_id.step_het_comp = DUCT_SLURM_NO_VALUE;
  slurm_list_append(list, selected);
}

/// Connects to slurmdbd. NULL, with the reason in `error`, if it does not answer: libslurm then still returns a
/// handle and reports the error in errno.
static inline void *duct_slurm_accounting_open(int *error) {
  uint16_t flags = 0;
  errno = 0;
  void *connection = slurmdb_connection_get(&flags);
  *error = errno;
  if (connection && *error != 0) slurmdb_connection_close(&connection);
  return *error ? NULL : connection;
}

static inline void duct_slurm_accounting_close(void *connection) {
  slurmdb_connection_close(&connection);
}

/// Loads jobs by id, with their steps; `users` (uids as text) may be NULL. NULL on failure, with errno in `error`.
/// The caller keeps ownership of the lists.
static inline struct xlist *duct_slurm_accounting_jobs(void *connection, struct xlist *jobs, struct xlist *users, struct xlist *clusters,
                                              int *error) {
  slurmdb_job_cond_t condition;
  memset(&condition, 0, sizeof condition);
  condition.db_flags = SLURMDB_JOB_FLAG_NOTSET;
  // Includes earlier runs of requeued jobs: their number is the number of restarts.
  condition.flags = JOBCOND_FLAG_DUP | JOBCOND_FLAG_NO_TRUNC;
  condition.step_list = jobs;
  condition.userid_list = users;
  condition.cluster_list = clusters;
  errno = 0;
  struct xlist *result = slurmdb_jobs_get(connection, &condition);
  *error = result ? 0 : errno;
  return result;
}

/// Searches jobs of users, optionally with a wckey, that had not ended at `since`. The time window has no end, because with
/// an end, slurmdbd omits jobs that never became eligible. Does not load steps: slurmdbd returns these only with an end.
static inline struct xlist *duct_slurm_accounting_search(void *connection, struct xlist *users, struct xlist *wckeys,
                                                struct xlist *clusters, int64_t since, int *error) {
  slurmdb_job_cond_t condition;
  memset(&condition, 0, sizeof condition);
  condition.db_flags = SLURMDB_JOB_FLAG_NOTSET;
  condition.flags = JOBCOND_FLAG_NO_TRUNC | JOBCOND_FLAG_NO_STEP | JOBCOND_FLAG_NO_DEFAULT_USAGE;
  condition.userid_list = users;
  condition.wckey_list = wckeys;
  condition.cluster_list = clusters;
  condition.usage_start = (time_t)since;
  errno = 0;
  struct xlist *result = slurmdb_jobs_get(connection, &condition);
  *error = result ? 0 : errno;
  return result;
}

/// The types of trackable resources that have no fixed number, such as gres/gpu.
static inline struct xlist *duct_slurm_tres_types(void *connection) {
  slurmdb_tres_cond_t condition;
  memset(&condition, 0, sizeof condition);
  condition.count = (uint64_t)0xfffffffffffffffe;
  return slurmdb_tres_get(connection, &condition);
}

static inline struct xlist *duct_slurm_qos_list(void *connection) { return slurmdb_qos_get(connection, NULL); }

/// Loads one job, with its tasks and components. From 26.05 on, libslurm expects the id of a step instead.
static inline int duct_slurm_load_job(job_info_msg_t **answer, uint32_t job_id, uint16_t flags) {
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
  slurm_step_id_t step = SLURM_STEP_ID_INITIALIZER;
  step.job_id = job_id;
  return slurm_load_job(answer, step, flags);
#else
  return slurm_load_job(answer, job_id, flags);
#endif
}

static inline void duct_slurm_free_configuration(slurm_conf_t *conf) {
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
  slurm_free_conf(conf);
#else
  slurm_free_ctl_conf(conf);
#endif
}

/// The settings of slurmctld that duct needs.
struct duct_slurm_settings {
  const char *cluster_name, *version;
  const char *process_tracking, *usage_gatherer, *usage_frequency, *accounting_storage;
  bool tracks_wckeys;
  uint32_t min_job_age;
};

static inline struct duct_slurm_settings duct_slurm_read_settings(const slurm_conf_t *conf) {
  struct duct_slurm_settings out;
  out.cluster_name = conf->cluster_name;
  out.version = conf->version;
  out.process_tracking = conf->proctrack_type;
  out.usage_gatherer = conf->job_acct_gather_type;
  out.usage_frequency = conf->job_acct_gather_freq;
  out.accounting_storage = conf->accounting_storage_type;
#ifdef CTL_CONF_WCKEY  // its name up to 22.05
  out.tracks_wckeys = (conf->conf_flags & CTL_CONF_WCKEY) != 0;
#else
  out.tracks_wckeys = (conf->conf_flags & CONF_FLAG_WCKEY) != 0;
#endif
  out.min_job_age = conf->min_job_age;
  return out;
}

#endif
