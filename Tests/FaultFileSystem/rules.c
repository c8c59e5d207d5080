// The rules: a list in the order in which they were made, and the commands that change it.
//
// A call passes the rules from first to last. After a rule that makes it hang or slow, it continues with the next
// rule, so a rule that is added meanwhile applies to it too: hang, add a `fail`, release. A rule that makes it fail
// ends the pass. One lock protects everything, and no thread holds it while it waits for anything else.

#define _GNU_SOURCE
#include "rules.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const operation_names[OPERATIONS] = {
    "lookup", "stat", "access", "readlink", "statfs",
    "open", "create", "read", "write", "fsync", "flush", "release", "fallocate",
    "truncate", "chmod", "chown", "utimens",
    "rename", "link", "symlink", "unlink", "mknod", "mkdir", "rmdir",
    "opendir", "readdir", "fsyncdir", "releasedir",
};

#define BIT(operation) (1u << (operation))

static const struct {
    const char *name;
    unsigned operations;
} groups[] = {
    { "any", BIT(OPERATIONS) - 1 },
    { "getattr", BIT(OP_LOOKUP) | BIT(OP_STAT) },
    { "setattr", BIT(OP_TRUNCATE) | BIT(OP_CHMOD) | BIT(OP_CHOWN) | BIT(OP_UTIMENS) },
};

enum kind { FAIL, HANG, SLOW, SHORT, DROP };

struct rule {
    struct rule *next;
    unsigned long id;
    enum kind kind;
    unsigned operations;           // bits
    char *path;                    // a substring, or NULL for every path
    unsigned long long after;      // leave this many matching calls alone
    unsigned long long times;      // then apply to at most this many
    bool expires;
    struct timespec expiry;
    unsigned long long seen;       // number of matching calls
    unsigned long long applied;    // number of calls that the rule changed
    int error;                     // FAIL, DROP
    unsigned drop_at;              // DROP: bits
    size_t limit;                  // SHORT: bytes
    unsigned long long milliseconds;   // SLOW
    bool killable;                 // HANG: ends if the calling thread is being killed
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
// The lock protects all variables below.
static pthread_cond_t changed;     // a rule was removed, or the end has come
static struct rule *rules;         // in ascending order of id
static unsigned long last_id;
static bool ending, logging;
static unsigned hung;              // calls that hang at the moment
static struct { unsigned long long calls, failed; } counts[OPERATIONS];

static pid_t parent;

// MARK: Time

static struct timespec now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

static struct timespec after_milliseconds(unsigned long long milliseconds)
{
    struct timespec time = now();
    time.tv_sec += (time_t)(milliseconds / 1000);
    time.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

static bool is_past(struct timespec time)
{
    struct timespec present = now();
    return present.tv_sec != time.tv_sec ? present.tv_sec > time.tv_sec : present.tv_nsec >= time.tv_nsec;
}

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

// MARK: Words

static void say(char *answer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(char *answer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(answer, size, format, arguments);
    va_end(arguments);
}

char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");
    if (!*word)
        return NULL;
    *rest = word + strcspn(word, " \t");
    if (**rest)
        *(*rest)++ = '\0';
    return word;
}

bool to_number(const char *text, unsigned long long most, unsigned long long *number)
{
    if (!text || !*text || text[strspn(text, "0123456789")])
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number <= most;
}

// An errno by name or number. 0 if it is none that can be answered.
static int to_error(const char *text)
{
    unsigned long long number;
    if (!text)
        return 0;
    // The kernel rejects errnos from 512 up, which are internal to it, and the request would wait forever.
    if (to_number(text, 511, &number))
        return (int)number;
    for (int error = 1; error < 200; error++) {
        const char *name = strerrorname_np(error);
        if (name && strcmp(name, text) == 0)
            return error;
    }
    return strcmp(text, "EWOULDBLOCK") == 0 ? EWOULDBLOCK : strcmp(text, "ENOTSUP") == 0 ? ENOTSUP : 0;
}

// A comma-separated list of operations and groups, as bits. 0 if one of them does not exist.
static unsigned to_operations(char *list)
{
    unsigned operations = 0;
    char *rest = list;
    for (char *name; (name = strsep(&rest, ",")); ) {
        unsigned found = 0;
        for (size_t index = 0; index < OPERATIONS; index++)
            if (strcmp(name, operation_names[index]) == 0)
                found = BIT(index);
        for (size_t index = 0; index < sizeof groups / sizeof *groups; index++)
            if (strcmp(name, groups[index].name) == 0)
                found = groups[index].operations;
        if (!found)
            return 0;
        operations |= found;
    }
    return operations;
}

// MARK: Commands

// Reads `times N`, `after N`, `for SECONDS`, `killable` and, last, `path SUBSTRING` into the rule.
static bool read_clauses(char *rest, struct rule *rule, char *answer, size_t size)
{
    for (char *word; (word = next_word(&rest)); ) {
        if (strcmp(word, "path") == 0) {
            // A path may contain blanks, so it takes the rest of the line.
            char *path = rest + strspn(rest, " \t");
            if (!*path) {
                say(answer, size, "error path needs a part of a path");
                return false;
            }
            rule->path = strdup(path);
            return true;
        }
        if (strcmp(word, "killable") == 0 && rule->kind == HANG) {
            rule->killable = true;
            continue;
        }
        char *value = next_word(&rest);
        if (strcmp(word, "times") == 0 || strcmp(word, "after") == 0) {
            if (!to_number(value, ULLONG_MAX, *word == 't' ? &rule->times : &rule->after)) {
                say(answer, size, "error %s needs a number", word);
                return false;
            }
        } else if (strcmp(word, "for") == 0) {
            char *end = NULL;
            double seconds = value ? strtod(value, &end) : -1;
            if (!(seconds >= 0 && seconds < 1e9) || *end) {
                say(answer, size, "error for needs a number of seconds");
                return false;
            }
            rule->expires = true;
            rule->expiry = after_milliseconds((unsigned long long)(seconds * 1000 + 0.5));
        } else {
            say(answer, size, "error there is no %s here", word);
            return false;
        }
    }
    return true;
}

// Reads `[at fsync|flush] [ERRNO]` of a `drop`, and leaves the rest in `*rest`.
static bool read_drop(char **rest, struct rule *rule, char *answer, size_t size)
{
    rule->operations = rule->drop_at = 0;
    for (;;) {
        char *before = *rest + strspn(*rest, " \t");
        if (strncmp(before, "at ", 3) == 0) {
            *rest = before + 3;
            char *list = next_word(rest);
            rule->drop_at = list ? to_operations(list) : 0;
            if (!rule->drop_at || rule->drop_at & ~(BIT(OP_FSYNC) | BIT(OP_FLUSH))) {
                say(answer, size, "error at needs fsync, flush or fsync,flush");
                return false;
            }
        } else if (*before == 'E' || (*before >= '0' && *before <= '9')) {
            rule->error = to_error(next_word(rest));
            if (!rule->error) {
                say(answer, size, "error there is no such errno");
                return false;
            }
        } else {
            break;
        }
    }
    rule->operations = BIT(OP_WRITE);
    if (!rule->drop_at)
        rule->drop_at = BIT(OP_FSYNC);
    if (!rule->error)
        rule->error = EIO;
    return true;
}

// Reads the arguments of a rule.
static bool read_rule(char *rest, struct rule *rule, char *answer, size_t size)
{
    unsigned long long number = 0;
    if (rule->kind == FAIL || rule->kind == HANG || rule->kind == SLOW) {
        char *list = next_word(&rest);
        char *copy = strdup(list ? list : "");
        rule->operations = to_operations(copy);
        free(copy);
        if (!rule->operations) {
            say(answer, size, "error unknown operation in \"%.200s\"", list ? list : "");
            return false;
        }
    }
    switch (rule->kind) {
    case FAIL: {
        char *name = next_word(&rest);
        rule->error = to_error(name);
        if (!rule->error) {
            say(answer, size, "error there is no errno \"%.200s\"", name ? name : "");
            return false;
        }
        if (rule->error == ENOSYS) {
            say(answer, size, "error ENOSYS makes the kernel never ask again; take EOPNOTSUPP");
            return false;
        }
        break;
    }
    case SLOW:
        if (!to_number(next_word(&rest), 1000000000, &rule->milliseconds)) {
            say(answer, size, "error slow needs a number of milliseconds");
            return false;
        }
        break;
    case SHORT:
        if (!to_number(next_word(&rest), SIZE_MAX, &number)) {
            say(answer, size, "error short needs a number of bytes");
            return false;
        }
        rule->operations = BIT(OP_WRITE);
        rule->limit = (size_t)number;
        break;
    case DROP:
        if (!read_drop(&rest, rule, answer, size))
            return false;
        break;
    case HANG:
        break;
    }
    return read_clauses(rest, rule, answer, size);
}

static void free_rule(struct rule *rule)
{
    free(rule->path);
    free(rule);
}

static void add_rule(enum kind kind, char *rest, char *answer, size_t size)
{
    struct rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        abort();
    rule->kind = kind;
    rule->times = ULLONG_MAX;
    if (!read_rule(rest, rule, answer, size)) {
        free_rule(rule);
        return;
    }
    pthread_mutex_lock(&lock);
    struct rule **end = &rules;
    while (*end)
        end = &(*end)->next;
    rule->id = ++last_id;
    *end = rule;
    say(answer, size, "ok %lu", rule->id);
    pthread_mutex_unlock(&lock);
}

// Removes the rule with the id, or all rules. With `hangs_only`, removes only rules that make calls hang.
static void remove_rules(char *rest, bool hangs_only, char *answer, size_t size)
{
    unsigned long long id = 0;
    unsigned removed = 0;
    char *word = next_word(&rest);
    if (word && (!to_number(word, ULONG_MAX, &id) || next_word(&rest))) {
        say(answer, size, "error a rule is named by its number");
        return;
    }
    pthread_mutex_lock(&lock);
    for (struct rule **place = &rules; *place; ) {
        struct rule *rule = *place;
        if ((word && rule->id != id) || (hangs_only && rule->kind != HANG)) {
            place = &rule->next;
            continue;
        }
        *place = rule->next;
        free_rule(rule);
        removed++;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (word && removed == 0)
        say(answer, size, "error there is no such rule");
    else
        say(answer, size, "ok %u", removed);
}

static void tell_counts(char *rest, char *answer, size_t size)
{
    char *word = next_word(&rest);
    unsigned long long id;
    pthread_mutex_lock(&lock);
    if (!word) {
        int used = snprintf(answer, size, "ok");
        for (size_t index = 0; index < OPERATIONS; index++)
            used += snprintf(answer + used, size - (size_t)used, " %s=%llu/%llu", operation_names[index],
                             counts[index].calls, counts[index].failed);
        snprintf(answer + used, size - (size_t)used, " hung=%u", hung);
    } else if (strcmp(word, "reset") == 0) {
        memset(counts, 0, sizeof counts);
        say(answer, size, "ok");
    } else {
        const struct rule *rule = to_number(word, ULONG_MAX, &id) ? with_id((unsigned long)id) : NULL;
        if (rule)
            say(answer, size, "ok seen=%llu applied=%llu", rule->seen, rule->applied);
        else
            say(answer, size, "error there is no such rule");
    }
    pthread_mutex_unlock(&lock);
}

static void set_logging(char *rest, char *answer, size_t size)
{
    char *word = next_word(&rest);
    if (!word || (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)) {
        say(answer, size, "error log needs on or off");
        return;
    }
    pthread_mutex_lock(&lock);
    logging = strcmp(word, "on") == 0;
    pthread_mutex_unlock(&lock);
    say(answer, size, "ok");
}

void rules_command(char *command, char *answer, size_t size)
{
    static const char *const kinds[] = {
        [FAIL] = "fail", [HANG] = "hang", [SLOW] = "slow", [SHORT] = "short", [DROP] = "drop",
    };
    char *rest = command;
    const char *name = next_word(&rest);
    if (!name)
        name = "";
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        if (strcmp(name, kinds[kind]) == 0) {
            add_rule((enum kind)kind, rest, answer, size);
            return;
        }
    }
    if (strcmp(name, "clear") == 0)
        remove_rules(rest, false, answer, size);
    else if (strcmp(name, "release") == 0)
        remove_rules(rest, true, answer, size);
    else if (strcmp(name, "count") == 0)
        tell_counts(rest, answer, size);
    else if (strcmp(name, "log") == 0)
        set_logging(rest, answer, size);
    else
        say(answer, size, "error there is no command \"%.200s\"", name);
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
