/* Shared by the files of the decoder: the walk over protobuf's wire format, and problems in bounded number.
 */
#ifndef JITC_FRONTEND_DECODE_H
#define JITC_FRONTEND_DECODE_H

#include "frontend/tfgraph.h"

enum { MAX_PRINTED = 100 }; /* problems */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LEN = 2, WIRE_FIXED32 = 5 };

/* One field of a message: its tag at `head`, its payload at [body, body + size). */
typedef struct Field {
    uint32_t no;
    int wire;
    uint64_t head, body, size;
    uint64_t value; /* WIRE_VARINT */
} Field;

/* A TensorProto that the walk has cut its values out of. */
typedef struct Payload {
    uint64_t at, end; /* the whole message */
    uint64_t content_at, content_size;
} Payload;

typedef VEC(Payload) Payloads;

typedef struct Decoder {
    Job *job;
    const Source *src;
    TfGraph *graph;
    const uint8_t *window; /* source bytes [window_at, window_at + window_size) */
    uint64_t window_at, window_size;
    uint8_t *window_buf;
    uint64_t problems;
    const char *where; /* what is being decoded, for messages about broken encoding */
    uint64_t where_number;
    Payloads payloads;   /* of the current node */
    const char ***names; /* undecoded input names of each node, NULL-terminated */
    const char **first;  /* NULL: problems are errors; else the first one's text goes here */
} Decoder;

/* Reports bad input; only the first hundred are printed. */
void problem(Decoder *d, const char *fmt, ...) PRINTF(2, 3);
void problems_end(Decoder *d); /* unwinds if there were any */
_Noreturn void wire_fail(Decoder *d, uint64_t at, const char *what);

void wire_fill(Decoder *d, uint64_t pos);
static inline uint8_t wire_byte(Decoder *d, uint64_t pos)
{
    if (pos - d->window_at >= d->window_size) wire_fill(d, pos);
    return d->window[pos - d->window_at];
}
void wire_copy(Decoder *d, uint64_t pos, void *dst, size_t n);
uint64_t wire_varint(Decoder *d, uint64_t *pos, uint64_t end);
/* The next field of the message that ends at `end`; false at its end. */
bool wire_next(Decoder *d, uint64_t *pos, uint64_t end, Field *f);
void wire_expect(Decoder *d, const Field *f, int wire);

/* Sets numel and the storage of t, whose dtype and shape are set, from the payload. */
void decode_tensor_values(Decoder *d, const TfNode *n, const char *attr, TfTensor *t, const Payload *p);
/* Resolves the input names of every node, finds the order, reports cycles. */
void decode_edges(Decoder *d);
/* Puts every node after its inputs; reports cycles. */
void decode_order(Decoder *d);

/* A function: what its signature says, and its results as names. The arguments are the first nodes. */
typedef struct FunctionParts {
    VEC(const char *) outputs; /* of the signature */
    VEC(const char *) keys;    /* of `ret` */
    VEC(const char *) values;
    const char ***names; /* as Decoder.names */
} FunctionParts;
/* Edges and results of the function in d->graph. */
void decode_function_edges(Decoder *d, const TfGraph *whole, TfFunction *f, const FunctionParts *parts);
/* The number of element k of an operator's output argument; -1: it has no such argument. */
int64_t decode_output_number(const TfGraph *whole, const TfNode *n, const char *arg, uint32_t k);

/* Protobuf's text format: recognised by its first bytes, and turned into the binary one. */
bool text_is_graph(const Source *src);
void text_to_binary(Job *job, Source *src);
#endif
