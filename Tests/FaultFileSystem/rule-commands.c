#define _GNU_SOURCE
#include "rule-commands.h"

#include "monotonic.h"
#include "rule-list.h"
#include "words.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(char *answer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(char *answer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(answer, size, format, arguments);
    va_end(arguments);
}

// MARK: Reading a rule

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

// MARK: Commands

static void add_rule(enum kind kind, char *rest, char *answer, size_t size)
{
    struct rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        abort();
    rule->kind = kind;
    rule->times = ULLONG_MAX;
    if (read_rule(rest, rule, answer, size))
        say(answer, size, "ok %lu", list_add(rule));
    else
        free_rule(rule);
}

// Removes the rule with the id, or all rules. With `hangs_only`, removes only rules that make calls hang.
static void remove_rules(char *rest, bool hangs_only, char *answer, size_t size)
{
    unsigned long long id = 0;
    char *word = next_word(&rest);
    if (word && (!to_number(word, ULONG_MAX, &id) || next_word(&rest))) {
        say(answer, size, "error a rule is named by its number");
        return;
    }
    unsigned removed = list_remove(word == NULL, (unsigned long)id, hangs_only);
    if (word && removed == 0)
        say(answer, size, "error there is no such rule");
    else
        say(answer, size, "ok %u", removed);
}

static void tell_counts(char *rest, char *answer, size_t size)
{
    char *word = next_word(&rest);
    unsigned long long id, seen, applied;
    if (!word) {
        list_counts(answer, size);
    } else if (strcmp(word, "reset") == 0) {
        list_reset_counts();
        say(answer, size, "ok");
    } else if (to_number(word, ULONG_MAX, &id) && list_rule_counts((unsigned long)id, &seen, &applied)) {
        say(answer, size, "ok seen=%llu applied=%llu", seen, applied);
    } else {
        say(answer, size, "error there is no such rule");
    }
}

static void set_logging(char *rest, char *answer, size_t size)
{
    char *word = next_word(&rest);
    if (!word || (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)) {
        say(answer, size, "error log needs on or off");
        return;
    }
    list_set_logging(strcmp(word, "on") == 0);
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
