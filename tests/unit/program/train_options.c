// The options of train-fold that come from tables: no two have one name, each reaches its number,
// and the help tells every term of the loss.
#include "program/train/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct loss_options loss;
    struct optimizer_options optimizer;
    struct schedule schedule;
    struct trainer_options trainer;
    struct option_row rows[MAX_OPTIONS];
    size_t count;
};

static void fill(struct fixture *fixture) {
    *fixture =
        (struct fixture){.loss = loss_options_usual(), .optimizer = optimizer_options_usual()};
    fixture->count = loss_rows(&fixture->loss, fixture->rows);
    fixture->count += optimizer_rows(&fixture->optimizer, &fixture->rows[fixture->count]);
    fixture->count += update_rows(&fixture->trainer, &fixture->rows[fixture->count]);
    fixture->count += schedule_rows(&fixture->schedule, &fixture->rows[fixture->count]);
    fixture->count += result_rows(&fixture->trainer, &fixture->rows[fixture->count]);
}

static const struct option_row *find(const struct fixture *fixture, const char *name) {
    const struct option_row *found = NULL;
    for (size_t i = 0; i < fixture->count; i++) {
        if (strcmp(fixture->rows[i].name, name) == 0) {
            assert_null(found); // no name twice
            found = &fixture->rows[i];
        }
    }
    return found;
}

static void names_differ(void **state) {
    struct fixture fixture;
    (void)state;
    fill(&fixture);
    assert_true(fixture.count > 0);
    for (size_t i = 0; i < fixture.count; i++) {
        assert_ptr_equal(find(&fixture, fixture.rows[i].name), &fixture.rows[i]);
    }
}

static void check_row(const struct fixture *fixture, const struct setting *setting) {
    if (setting->name == NULL) {
        return;
    }
    const struct option_row *row = find(fixture, setting->name);
    assert_non_null(row);
    assert_int_equal(row->type, OPTION_NUMBER);
    assert_int_equal(row->trace, OPTION_RECORDED); // it changes what is learned
    assert_true(row->minimum >= setting->minimum && row->maximum <= setting->maximum);
    assert_true(*(const double *)row->target == setting->usual);
}

static void each_setting_is_an_option_that_begins_as_usual(void **state) {
    struct fixture fixture;
    (void)state;
    fill(&fixture);
    for (int i = 0; i < LOSSES; i++) {
        check_row(&fixture, &loss_terms[i]->weight);
        for (int k = 0; k < MAX_LOSS_SETTINGS; k++) {
            check_row(&fixture, &loss_terms[i]->settings[k]);
        }
    }
    for (int i = 0; i < OPTIMIZERS; i++) {
        for (int k = 0; k < MAX_OPTIMIZER_SETTINGS; k++) {
            check_row(&fixture, &optimizer_rules[i]->settings[k]);
        }
    }
}

static void the_help_tells_every_term(void **state) {
    char text[LOSS_TEXT_SIZE];
    (void)state;
    loss_text(text);
    for (int i = 0; i < LOSSES; i++) {
        assert_non_null(strstr(text, loss_terms[i]->title));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_differ),
        cmocka_unit_test(each_setting_is_an_option_that_begins_as_usual),
        cmocka_unit_test(the_help_tells_every_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
