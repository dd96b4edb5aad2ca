// Rows of the option table from tables of settings.
#include "program/train/options.h"

#include "program/die.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OTHER_OPTIONS = 40 }; // those of train-fold that come from no table, and more
_Static_assert(LOSSES *(MAX_LOSS_SETTINGS + 1) + OPTIMIZERS * MAX_OPTIMIZER_SETTINGS +
                       OTHER_OPTIONS <=
                   MAX_OPTIONS,
               "a program's option table holds all settings");

// Writes a row if the setting is an option; returns how many rows that makes.
static size_t setting_row(const struct setting *setting, double *value, struct option_row *row) {
    if (setting->name == NULL) {
        return 0;
    }
    *row = (struct option_row){.name = setting->name,
                               .type = OPTION_NUMBER,
                               .target = value,
                               .argument = setting->argument,
                               .help = setting->help,
                               .minimum = setting->minimum,
                               .maximum = setting->maximum,
                               .trace = OPTION_RECORDED};
    return 1;
}

size_t loss_rows(struct loss_options *loss, struct option_row *rows) {
    size_t count = 0;
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_term *term = loss_terms[i];
        for (int k = 0; k < MAX_LOSS_SETTINGS; k++) {
            count += setting_row(&term->settings[k], &loss->values[i][k], &rows[count]);
        }
        count += setting_row(&term->weight, &loss->weights[i], &rows[count]);
    }
    return count;
}

size_t optimizer_rows(struct optimizer_options *options, struct option_row *rows) {
    size_t count = 0;
    for (int i = 0; i < OPTIMIZERS; i++) {
        for (int k = 0; k < MAX_OPTIMIZER_SETTINGS; k++) {
            count +=
                setting_row(&optimizer_rules[i]->settings[k], &options->values[i][k], &rows[count]);
        }
    }
    return count;
}

static void check_loss(const struct loss_options *options) {
    double sum = 0;
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_term *term = loss_terms[i];
        sum += options->weights[i];
        for (int k = 0; k < MAX_LOSS_SETTINGS && !loss_is_told(options, i); k++) {
            if (options->values[i][k] != term->settings[k].usual) {
                die_usage("--%s is of the %s, whose weight --%s is 0", term->settings[k].name,
                          term->title, term->weight.name);
            }
        }
    }
    if (sum == 0) {
        die_usage("no term of the loss has a weight above 0");
    }
}

static void check_schedule(const struct trainer_options *options) {
    const struct schedule *schedule = &options->schedule;
    const struct schedule usual = schedule_usual();
    const bool plateau = strcmp(schedule->kind, "plateau") == 0;
    if (strcmp(schedule->kind, "cosine") != 0 &&
        (schedule->cycles != usual.cycles || schedule->cycle_factor != usual.cycle_factor)) {
        die_usage("--cycles and --cycle-factor are of --schedule cosine");
    }
    if (schedule->cycles == 1 && schedule->cycle_factor != usual.cycle_factor) {
        die_usage("--cycle-factor is of several --cycles");
    }
    if (!plateau && (schedule->plateau_factor != usual.plateau_factor ||
                     schedule->plateau_patience != usual.plateau_patience)) {
        die_usage("--plateau-factor and --plateau-patience are of --schedule plateau");
    }
    if (plateau && options->validation == NULL) {
        die_usage("--schedule plateau follows the score, and needs --val");
    }
}

void train_options_check(const struct trainer_options *options) {
    check_loss(&options->loss);
    check_schedule(options);
    if (options->freeze % options->accumulate != 0) {
        die_usage("--freeze %" PRId64 " is not a multiple of --accumulate %" PRId64,
                  options->freeze, options->accumulate);
    }
    if (options->keep_best > 1 && options->validation == NULL) {
        die_usage("--keep-best %" PRId64 " is by score, and needs --val", options->keep_best);
    }
    if (options->optimizer.average > 0 && options->validation == NULL) {
        die_usage("--ema keeps averages in best.mpk, and needs --val");
    }
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        const struct optimizer_rule *rule = optimizer_rules[i];
        for (int k = 0; k < MAX_OPTIMIZER_SETTINGS && i != options->optimizer.index; k++) {
            if (options->optimizer.values[i][k] != rule->settings[k].usual) {
                die_usage("--%s is of --optimizer %s", rule->settings[k].name, rule->name);
            }
        }
    }
}

size_t update_rows(struct trainer_options *options, struct option_row *rows) {
    const struct option_row of_updates[] = {
        {.name = "clip",
         .type = OPTION_NUMBER,
         .target = &options->optimizer.clip,
         .argument = "NORM",
         .help = "before an update all gradients are multiplied so that their norm is at most "
                 "this, and the log tells what it was; 0: they are not",
         .minimum = 0,
         .maximum = 1e9,
         .trace = OPTION_RECORDED},
        {.name = "ema",
         .type = OPTION_NUMBER,
         .target = &options->optimizer.average,
         .argument = "DECAY",
         .help = "what an update leaves of an exponential moving average of the weights, which is "
                 "evaluated and kept as the best in their place; 0: there is none",
         .minimum = 0,
         .maximum = 0.99999,
         .trace = OPTION_RECORDED},
        {.name = "freeze",
         .type = OPTION_INTEGER,
         .target = &options->freeze,
         .argument = "N",
         .help = "the encoder's weights stay in the first N iterations; its norms' running "
                 "statistics do not",
         .minimum = 0,
         .maximum = 1e12,
         .trace = OPTION_RECORDED},
    };
    memcpy(rows, of_updates, sizeof of_updates);
    return COUNT_OF(of_updates);
}

size_t schedule_rows(struct schedule *schedule, struct option_row *rows) {
    const struct option_row of_schedule[] = {
        {.name = "schedule",
         .type = OPTION_CHOICE,
         .target = &schedule->kind,
         .argument = "cosine|plateau|constant",
         .help = "how the rate goes on after warming up",
         .trace = OPTION_RECORDED},
        {.name = "warm-up",
         .type = OPTION_NUMBER,
         .target = &schedule->warm_up,
         .argument = "PERCENT",
         .help = "of the iterations, in which the rate rises from a tenth",
         .minimum = 0,
         .maximum = 50,
         .trace = OPTION_RECORDED},
        {.name = "cycles",
         .type = OPTION_INTEGER,
         .target = &schedule->cycles,
         .argument = "N",
         .help = "of the cosine, each of which begins at --rate",
         .minimum = 1,
         .maximum = 1000,
         .trace = OPTION_RECORDED},
        {.name = "cycle-factor",
         .type = OPTION_NUMBER,
         .target = &schedule->cycle_factor,
         .argument = "F",
         .help = "a cycle is F times as long as the one before",
         .minimum = 0.1,
         .maximum = 10,
         .trace = OPTION_RECORDED},
        {.name = "plateau-factor",
         .type = OPTION_NUMBER,
         .target = &schedule->plateau_factor,
         .argument = "F",
         .help = "what the rate is multiplied with on a plateau",
         .minimum = 0.001,
         .maximum = 1,
         .trace = OPTION_RECORDED},
        {.name = "plateau-patience",
         .type = OPTION_INTEGER,
         .target = &schedule->plateau_patience,
         .argument = "N",
         .help = "a plateau: more than N evaluations in a row bring no new best score",
         .minimum = 0,
         .maximum = 1e6,
         .trace = OPTION_RECORDED},
    };
    memcpy(rows, of_schedule, sizeof of_schedule);
    return COUNT_OF(of_schedule);
}

size_t start_rows(struct start_options *options, struct option_row *rows) {
    const struct option_row of_start[] = {
        {.name = "init",
         .type = OPTION_FILE,
         .target = &options->init,
         .argument = "FILE",
         .help = "start from these weights: a checkpoint, .safetensors, .pth or ONNX of the "
                 "network, or of torchvision's ResNet of the encoder's name for the encoder",
         .trace = OPTION_RECORDED},
        {.name = "resume",
         .type = OPTION_FLAG,
         .target = &options->resume,
         .help = "go on from DIR/last.mpk"},
        {.name = "skipped",
         .type = OPTION_INTEGER,
         .target = &options->skipped,
         .argument = "N",
         .help = "the first N samples have been left out of the stream",
         .minimum = 0,
         .maximum = 1e15},
    };
    memcpy(rows, of_start, sizeof of_start);
    return COUNT_OF(of_start);
}

size_t result_rows(struct trainer_options *options, struct option_row *rows) {
    const struct option_row results[] = {
        {.name = "val",
         .letter = 'v',
         .type = OPTION_FILE,
         .target = &options->validation,
         .argument = "FILE",
         .help = "evaluate on these samples (augment --plain), and keep the best weights",
         .trace = OPTION_RECORDED},
        {.name = "eval-every",
         .letter = 'e',
         .type = OPTION_INTEGER,
         .target = &options->evaluate_every,
         .argument = "N",
         .help = "evaluate every N iterations (default: at the end)",
         .minimum = 1,
         .maximum = 1e12,
         .trace = OPTION_RECORDED},
        {.name = "keep",
         .letter = 'k',
         .type = OPTION_CHOICE,
         .target = &options->keep,
         .argument = "dice|wacc",
         .help = "the best by Dice, or by weighted accuracy",
         .trace = OPTION_RECORDED},
        {.name = "keep-best",
         .type = OPTION_INTEGER,
         .target = &options->keep_best,
         .argument = "K",
         .help = "keep the K best in files of their own as well, best-ITERATION.mpk; of equal "
                 "scores the earlier; 1: best.mpk alone",
         .minimum = 1,
         .maximum = MAX_BEST,
         .trace = OPTION_RECORDED},
        {.name = "save-every",
         .type = OPTION_INTEGER,
         .target = &options->save_every,
         .argument = "N",
         .help = "write last.mpk every N iterations",
         .minimum = 1,
         .maximum = 1e12},
        {.name = "log-every",
         .type = OPTION_INTEGER,
         .target = &options->log_every,
         .argument = "N",
         .help = "a line of the log every N iterations",
         .minimum = 1,
         .maximum = 1e12},
        {.name = "log",
         .letter = 'l',
         .type = OPTION_FILE,
         .target = &options->log,
         .argument = "FILE",
         .help = "the log (default: DIR/log.jsonl)"},
    };
    memcpy(rows, results, sizeof results);
    return COUNT_OF(results);
}

void loss_text(char text[LOSS_TEXT_SIZE]) {
    size_t length = 0;
    for (int i = 0; i < LOSSES && length < LOSS_TEXT_SIZE; i++) {
        const struct setting *weight = &loss_terms[i]->weight;
        char usual[32];
        (void)snprintf(usual, sizeof usual, "%g", weight->usual);
        length +=
            (size_t)snprintf(text + length, LOSS_TEXT_SIZE - length, "%s%s%s x %s",
                             i > 0 ? " + " : "", weight->name != NULL ? "--" : "",
                             weight->name != NULL ? weight->name : usual, loss_terms[i]->title);
    }
}
