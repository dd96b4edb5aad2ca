// Which operations have a form in ONNX: those of all networks. What has none is refused by name.
#include "models/models.h"
#include "onnx/export.h"

#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void count_bytes(void *to, const void *bytes, size_t length) {
    (void)bytes;
    *(size_t *)to += length;
}

// Zeros for all parameters of a network.
static void fill(struct weight_table *table, const struct graph *graph) {
    struct error error = {""};
    *table = (struct weight_table){.bytes_left = SIZE_MAX};
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        assert_non_null(weight_table_add(table, text_of(parameter->name), parameter->rank,
                                         parameter->shape, &error));
    }
    assert_true(weight_table_close(table, &error));
}

static bool exports(const char *network, enum graph_mode mode, size_t *bytes, struct error *error) {
    const struct model_options options = {
        .images = 2, .height = 192, .width = 192, .gray = true, .out_height = 50, .out_width = 70};
    const struct onnx_description description = {.name = network};
    const struct sink sink = {.write = count_bytes, .to = bytes, .name = "bytes"};
    struct weight_table table;
    struct graph *graph = model_build(network, mode, &options, error);
    assert_non_null(graph);
    fill(&table, graph);
    const bool done = onnx_export(sink, graph, &table, &description, error);
    weight_table_free(&table);
    graph_free(graph);
    return done;
}

static void is_exported(const char *network) {
    struct error error = {""};
    size_t bytes = 0;
    if (!exports(network, GRAPH_PREDICT, &bytes, &error)) {
        fail_msg("%s: %s", network, error.text);
    }
    assert_true(bytes > 1 << 20);
}

// What norms become is the same with every encoder of ResNets.
static void every_network_is_exported(void **state) {
    (void)state;
    for (size_t i = 0; model_name(i) != NULL; i++) {
        is_exported(model_name(i));
        if (strstr(model_name(i), "-resnet18") != NULL) {
            is_exported(model_full_name(model_name(i), "gn").text);
        }
    }
}

static void an_operation_without_a_form_is_named(void **state) {
    struct error error = {""};
    size_t bytes = 0;
    (void)state;
    assert_false(exports("bisenet-resnet18", GRAPH_TRAIN, &bytes, &error));
    assert_non_null(strstr(error.text, "the operation norm has no form in ONNX"));
    assert_non_null(strstr(error.text, "spatial_path.cbr1.cbr_unit.1: "));
    assert_int_equal(bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_is_exported),
        cmocka_unit_test(an_operation_without_a_form_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
