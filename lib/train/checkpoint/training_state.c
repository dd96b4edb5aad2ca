// The state's values by name, written and read, and what they can be.
#include "train/checkpoint/training_state.h"

#include "weights/checkpoint.h"

#include <inttypes.h>

// The state's members by name, for writing and reading alike.
enum { TEXTS = 2, INTEGERS = 8, OF_PLATEAU = 2, NUMBERS = 7, LISTS = 2 };
enum { MAX_VALUES = TEXTS + INTEGERS + NUMBERS + LISTS };
static const char kept_iterations[] = "kept";
static const char kept_scores[] = "kept_scores";

struct members {
    struct {
        const char *name;
        int64_t *value;
    } integers[INTEGERS];
    struct {
        const char *name;
        double *value;
        double minimum, maximum;
    } numbers[NUMBERS];
};

static struct members members_of(struct training_state *state) {
    return (struct members){{{"side", &state->side},
                             {"iteration", &state->iteration},
                             {"steps", &state->steps},
                             {"samples", &state->samples},
                             {"seed", &state->seed},
                             {"best_iteration", &state->best_iteration},
                             {"waited", &state->plateau.waited},
                             {"reductions", &state->plateau.reductions}},
                            {{"rate", &state->rate, 0, 10},
                             {"score", &state->score, -1, 1},
                             {"best", &state->best, -1, 1},
                             {"dice", &state->dice, 0, 1},
                             {"dice_empty", &state->dice_empty, 0, 1},
                             {"dice_lesion", &state->dice_lesion, 0, 1},
                             {"accuracy", &state->accuracy, 0, 1}}};
}

// Those of a plateau come last.
static size_t integer_count(const struct training_state *state) {
    return state->has_plateau ? INTEGERS : INTEGERS - OF_PLATEAU;
}

size_t training_state_values(const struct training_state *state) {
    return TEXTS + integer_count(state) + NUMBERS + (state->kept.limit > 1 ? LISTS : 0);
}

bool training_state_write(struct stream_writer *writer, const struct training_state *state,
                          struct error *error) {
    struct training_state copy = *state;
    const struct members members = members_of(&copy);
    struct field fields[MAX_VALUES];
    struct value iterations[MAX_BEST];
    struct value scores[MAX_BEST];
    size_t count = 0;
    fields[count++] = (struct field){text_of("network"), value_text(text_of(state->network))};
    fields[count++] = (struct field){text_of("options"), value_text(text_of(state->options))};
    for (size_t i = 0; i < integer_count(state); i++) {
        fields[count++] = (struct field){text_of(members.integers[i].name),
                                         value_integer(*members.integers[i].value)};
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        fields[count++] = (struct field){text_of(members.numbers[i].name),
                                         value_number(*members.numbers[i].value)};
    }
    for (size_t i = 0; i < state->kept.count; i++) {
        iterations[i] = value_integer(state->kept.items[i].iteration);
        scores[i] = value_number(state->kept.items[i].score);
    }
    if (state->kept.limit > 1) {
        fields[count++] =
            (struct field){text_of(kept_iterations), value_list(iterations, state->kept.count)};
        fields[count++] =
            (struct field){text_of(kept_scores), value_list(scores, state->kept.count)};
    }
    const struct record record = {text_of(CHECKPOINT_STATE), count, fields};
    return stream_add(writer, &record, error);
}

// ---- reading

static bool same_text(const struct record *record, const char *name, const char *wanted,
                      struct error *error) {
    const struct value *value = record_find(record, name);
    if (value == NULL || value->type != VALUE_TEXT) {
        return fail(error, "the state lacks '%s'", name);
    }
    return text_is(value->text, wanted) ||
           fail(error,
                "it was made with other options, and going on would mix two runs: %.*s; now: %s",
                TEXT_ARG(value->text), wanted);
}

static bool same_count(const char *name, int64_t count, int64_t wanted, struct error *error) {
    return count == wanted || fail(error, "the state's '%s' is %" PRId64 ", and must be %" PRId64,
                                   name, count, wanted);
}

static bool count_within(const char *name, int64_t count, int64_t maximum, struct error *error) {
    return (count >= 0 && count <= maximum) ||
           fail(error, "the state's '%s' is %" PRId64 ", and must be from 0 to %" PRId64, name,
                count, maximum);
}

// The best of the scores is not below the last, and there is one if it was reached somewhere.
static bool check_best(const struct training_state *state, struct error *error) {
    return (state->best >= state->score && (state->best >= 0) == (state->best_iteration > 0)) ||
           fail(error, "the state's 'best' is %g, at iteration %" PRId64 ", with a 'score' of %g",
                state->best, state->best_iteration, state->score);
}

static bool check_state(const struct training_state *state, const struct training_state *wanted,
                        const struct training_plan *plan, struct error *error) {
    return same_count("seed", state->seed, wanted->seed, error) &&
           same_count("side", state->side, wanted->side, error) &&
           count_within("iteration", state->iteration, plan->iterations, error) &&
           same_count("samples", state->samples, state->iteration * plan->batch, error) &&
           same_count("steps", state->steps, state->iteration / plan->accumulate, error) &&
           count_within("best_iteration", state->best_iteration, state->iteration, error) &&
           count_within("waited", state->plateau.waited, state->iteration, error) &&
           count_within("reductions", state->plateau.reductions, state->iteration, error) &&
           check_best(state, error);
}

static bool read_numbers(const struct record *record, const struct members *members,
                         struct error *error) {
    for (size_t i = 0; i < NUMBERS; i++) {
        const char *name = members->numbers[i].name;
        const struct value *value = record_find(record, name);
        if (value == NULL || value->type != VALUE_NUMBER) {
            return fail(error, "the state lacks '%s'", name);
        }
        if (!(value->number >= members->numbers[i].minimum &&
              value->number <= members->numbers[i].maximum)) {
            return fail(error, "the state's '%s' is %g, and must be from %g to %g", name,
                        value->number, members->numbers[i].minimum, members->numbers[i].maximum);
        }
        *members->numbers[i].value = value->number;
    }
    return true;
}

// Whether the list is one by rank, of iterations that were, each once, and begins with the best.
static bool check_kept(const struct training_state *state, struct error *error) {
    const struct best_list *kept = &state->kept;
    bool good = (kept->count > 0) == (state->best >= 0);
    struct best_list better = *kept; // those before the i-th
    for (size_t i = 0; i < kept->count; i++) {
        better.count = i;
        const struct ranked here = kept->items[i];
        const struct ranked before =
            i > 0 ? kept->items[i - 1] : (struct ranked){here.iteration - 1, state->best};
        good = good && here.iteration > 0 && here.iteration <= state->iteration &&
               here.score >= 0 && !best_list_has(&better, here.iteration) &&
               (here.score < before.score ||
                (here.score == before.score && here.iteration > before.iteration));
    }
    good = good && (kept->count == 0 || (kept->items[0].score == state->best &&
                                         kept->items[0].iteration == state->best_iteration));
    return good || fail(error, "the state's '%s' and '%s' are no list by rank of evaluations",
                        kept_iterations, kept_scores);
}

static bool read_kept(const struct record *record, struct training_state *state,
                      struct error *error) {
    const struct value *iterations = record_find(record, kept_iterations);
    const struct value *scores = record_find(record, kept_scores);
    struct best_list *kept = &state->kept;
    if (kept->limit <= 1) {
        return true;
    }
    if (iterations == NULL || iterations->type != VALUE_LIST || scores == NULL ||
        scores->type != VALUE_LIST || iterations->list.count != scores->list.count ||
        scores->list.count > kept->limit) {
        return fail(error, "the state lacks '%s' and '%s', lists of one length up to %zu",
                    kept_iterations, kept_scores, kept->limit);
    }
    kept->count = scores->list.count;
    for (size_t i = 0; i < kept->count; i++) {
        const struct value *iteration = &iterations->list.items[i];
        const struct value *score = &scores->list.items[i];
        if (iteration->type != VALUE_INTEGER || score->type != VALUE_NUMBER) {
            return fail(error, "the state's '%s' are no integers, or '%s' no numbers",
                        kept_iterations, kept_scores);
        }
        kept->items[i] = (struct ranked){iteration->integer, score->number};
    }
    return check_kept(state, error);
}

bool training_state_read(const struct record *record, const struct training_plan *plan,
                         struct training_state *state, struct error *error) {
    const struct training_state wanted = *state;
    const struct members members = members_of(state);
    if (!same_text(record, "network", state->network, error) ||
        !same_text(record, "options", state->options, error)) {
        return false;
    }
    for (size_t i = 0; i < integer_count(state); i++) {
        if (!record_integer(record, members.integers[i].name, members.integers[i].value, error)) {
            return false;
        }
    }
    return read_numbers(record, &members, error) && check_state(state, &wanted, plan, error) &&
           read_kept(record, state, error);
}
