// The functions by which commands change the list of rules and read its counts. See rules.c.

#ifndef RULE_LIST_H
#define RULE_LIST_H

#include "rules.h"

#include <time.h>

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

void free_rule(struct rule *rule);

// Adds a rule at the end of the list, which owns it then. Returns its id.
unsigned long list_add(struct rule *rule);

// Removes the rule with the id, or with `every` all rules. With `hangs_only`, removes only rules that make calls
// hang. Returns how many it has removed.
unsigned list_remove(bool every, unsigned long id, bool hangs_only);

// Prints all counts, as `count` answers them.
void list_counts(char *answer, size_t size);

// Reads how many calls a rule matched and changed. Returns false if there is no such rule.
bool list_rule_counts(unsigned long id, unsigned long long *seen, unsigned long long *applied);

void list_reset_counts(void);

// Whether each call is logged to standard error.
void list_set_logging(bool on);

#endif
