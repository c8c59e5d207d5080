// The rules: a list in the order in which they were made. It judges the calls.
//
// A call passes the rules from first to last. After a rule that makes it hang or slow, it continues with the next
// rule, so a rule that is added meanwhile applies to it too: hang, add a `fail`, release. A rule that makes it fail
// ends the pass. One lock protects everything, and no thread holds it while it waits for anything else.

#define _GNU_SOURCE
#include "rules.h"

#include "monotonic.h"
#include "rule-list.h"
#include "words.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
// The lock protects all variables below.
static pthread_cond_t changed;     // a rule was removed, or the end has come
static struct rule *rules;         // in ascending order of id
static unsigned long last_id;
static bool ending, logging;
static unsigned hung;              // calls that hang at the moment
static struct { unsigned long long calls, failed; } counts[OPERATIONS];

static pid_t parent;

// MARK: Judging

static struct rule *first_after(unsigned long id)
{
    struct rule *rule = rules;
    while (rule && rule->id <= id)
        rule = rule->next;
    return rule;
}

static struct rule *with_id(unsigned long id)
{
    struct rule *rule = first_after(id - 1);
    return rule && rule->id == id ? rule : NULL;
}

static bool is_about(const struct rule *rule, unsigned operations, const char *path, const char *other)
{
    if (!(rule->operations & operations) || (rule->expires && is_past(rule->expiry)))
        return false;
    return !rule->path || strstr(path, rule->path) || (other && strstr(other, rule->path));
}

// Counts a matching call, and returns whether the rule applies to it.
static bool applies(struct rule *rule, const struct call *call)
{
    if (!is_about(rule, BIT(call->operation), call->path, call->other))
        return false;
    if (rule->kind == SHORT && call->size <= rule->limit)
        return false;
    if (rule->seen++ < rule->after || rule->applied >= rule->times)
        return false;
    rule->applied++;
    return true;
}

// Whether the thread that made the request has a pending SIGKILL, sent by a process or by the exit of its own
// process. FUSE reports an interruption but not the signal, so this reads /proc.
static bool is_being_killed(fuse_req_t request, bool killable)
{
    if (!fuse_req_interrupted(request))
        return false;
    char line[256];
    snprintf(line, sizeof line, "/proc/%ld/status", (long)fuse_req_ctx(request)->pid);
    FILE *status = fopen(line, "re");
    if (!status)
        return false;
    long process = 0;
    unsigned long long pending = 0, value;
    while (fgets(line, sizeof line, status)) {
        if (sscanf(line, "SigPnd: %llx", &value) == 1 || sscanf(line, "ShdPnd: %llx", &value) == 1)
            pending |= value;
        else
            sscanf(line, "Tgid: %ld", &process);
    }
    fclose(status);
    // If our parent hangs in its own mount, it cannot die, and this process waits for it to die. So its kill ends
    // the hang.
    return (pending & 1ull << (SIGKILL - 1)) && (killable || process == parent);
}

// Waits as long as the rule exists. Returns EINTR if the caller is killed meanwhile.
static int hang(unsigned long id, const struct call *call)
{
    int error = 0;
    const struct rule *rule;
    hung++;
    while (!error && !ending && (rule = with_id(id)) && !(rule->expires && is_past(rule->expiry))) {
        bool killable = rule->killable;
        // Interruptions and expiries do not signal the condition, so poll for them.
        struct timespec soon = after_milliseconds(20);
        pthread_cond_timedwait(&changed, &lock, &soon);
        pthread_mutex_unlock(&lock);
        if (is_being_killed(call->request, killable))
            error = EINTR;
        pthread_mutex_lock(&lock);
    }
    hung--;
    return error;
}

static void delay(unsigned long id, unsigned long long milliseconds)
{
    struct timespec end = after_milliseconds(milliseconds);
    while (!ending && with_id(id) && !is_past(end))
        pthread_cond_timedwait(&changed, &lock, &end);
}

static void log_call(const struct call *call, unsigned long id, const char *what, int error)
{
    if (!logging)
        return;
    struct timespec time = now();
    fprintf(stderr, "fault-fs: %lld.%03ld %s %s", (long long)time.tv_sec, time.tv_nsec / 1000000,
            operation_names[call->operation], call->path);
    if (call->other)
        fprintf(stderr, " -> %s", call->other);
    if (call->operation == OP_WRITE)
        fprintf(stderr, " (%zu)", call->size);
    if (id)
        fprintf(stderr, ": %s by rule %lu", what, id);
    if (error)
        fprintf(stderr, ", %s", strerrorname_np(error) ? strerrorname_np(error) : "an errno without a name");
    fputc('\n', stderr);
}

struct verdict rules_judge(const struct call *call)
{
    struct verdict verdict = { .limit = SIZE_MAX };
    bool harmed = false;
    pthread_mutex_lock(&lock);
    counts[call->operation].calls++;
    log_call(call, 0, NULL, 0);
    unsigned long id = 0;
    struct rule *rule;
    while (!verdict.error && (rule = first_after(id))) {
        id = rule->id;
        if (!applies(rule, call))
            continue;
        switch (rule->kind) {
        case FAIL:
            log_call(call, id, "failed", rule->error);
            verdict.error = rule->error;
            break;
        case HANG:
            log_call(call, id, "hung", 0);
            verdict.error = hang(id, call);
            log_call(call, id, "let go", verdict.error);
            break;
        case SLOW:
            log_call(call, id, "slowed down", 0);
            delay(id, rule->milliseconds);
            break;
        case SHORT:
            log_call(call, id, "shortened", 0);
            harmed = true;
            if (rule->limit < verdict.limit)
                verdict.limit = rule->limit;
            break;
        case DROP:
            log_call(call, id, "dropped", 0);
            harmed = true;
            verdict.drop_error = rule->error;
            verdict.drop_at = rule->drop_at;
            break;
        }
    }
    if (harmed || verdict.error)
        counts[call->operation].failed++;
    pthread_mutex_unlock(&lock);
    return verdict;
}

void rules_note_error(enum operation operation)
{
    pthread_mutex_lock(&lock);
    counts[operation].failed++;
    pthread_mutex_unlock(&lock);
}

bool rules_mention(enum operation operation, const char *path)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (const struct rule *rule = rules; rule && !found; rule = rule->next)
        found = is_about(rule, BIT(operation), path, NULL);
    pthread_mutex_unlock(&lock);
    return found;
}

// MARK: The list

void free_rule(struct rule *rule)
{
    free(rule->path);
    free(rule);
}

unsigned long list_add(struct rule *rule)
{
    pthread_mutex_lock(&lock);
    struct rule **end = &rules;
    while (*end)
        end = &(*end)->next;
    unsigned long id = rule->id = ++last_id;
    *end = rule;
    pthread_mutex_unlock(&lock);
    return id;
}

unsigned list_remove(bool every, unsigned long id, bool hangs_only)
{
    unsigned removed = 0;
    pthread_mutex_lock(&lock);
    for (struct rule **place = &rules; *place; ) {
        struct rule *rule = *place;
        if ((!every && rule->id != id) || (hangs_only && rule->kind != HANG)) {
            place = &rule->next;
            continue;
        }
        *place = rule->next;
        free_rule(rule);
        removed++;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return removed;
}

void list_counts(char *answer, size_t size)
{
    pthread_mutex_lock(&lock);
    int used = snprintf(answer, size, "ok");
    for (size_t index = 0; index < OPERATIONS; index++)
        used += snprintf(answer + used, size - (size_t)used, " %s=%llu/%llu", operation_names[index],
                         counts[index].calls, counts[index].failed);
    snprintf(answer + used, size - (size_t)used, " hung=%u", hung);
    pthread_mutex_unlock(&lock);
}

bool list_rule_counts(unsigned long id, unsigned long long *seen, unsigned long long *applied)
{
    pthread_mutex_lock(&lock);
    const struct rule *rule = with_id(id);
    if (rule) {
        *seen = rule->seen;
        *applied = rule->applied;
    }
    pthread_mutex_unlock(&lock);
    return rule != NULL;
}

void list_reset_counts(void)
{
    pthread_mutex_lock(&lock);
    memset(counts, 0, sizeof counts);
    pthread_mutex_unlock(&lock);
}

void list_set_logging(bool on)
{
    pthread_mutex_lock(&lock);
    logging = on;
    pthread_mutex_unlock(&lock);
}

// MARK: From start to end

void rules_start(void)
{
    parent = getppid();
    // Waits use a clock that nobody can set.
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void rules_end(void)
{
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}
