/* How a matrix product is cut into units, for igemm. */
#ifndef JITC_BLOCKING_H
#define JITC_BLOCKING_H

#include <stdbool.h>

#include "codegen/plan/machine.h"

typedef struct {
    int64_t m, k, panels; /* rows, length of the sums, panels of 16 outputs; all > 0 */
    int64_t batch;        /* so many products, each with weights of its own */
    int64_t esize;        /* bytes of an element */
} Product;

typedef struct {
    int64_t rows, panels; /* of a unit */
    int64_t k;            /* that it does at a time */
    bool n_outer;         /* units go through all rows before the next panels */
} Blocking;

/* The cheapest of the candidates by an estimate of cycles, on one thread and on several. */
Blocking blocking_choose(const Product *p, const Machine *machine);

/* Whether most units find their weights in far memory. */
bool blocking_far(const Product *p, const Machine *machine, const Blocking *b);

/* Units worth a share of their own, since each share gathers rows anew. */
int64_t blocking_share(const Product *p, const Machine *machine, const Blocking *b);

/* How a Winograd convolution is cut: a unit is a block of tiles by a group of panels. */
typedef struct {
    int64_t tiles, c, panels, products; /* all > 0 */
} WinogradWork;
typedef struct {
    int64_t tiles, panels;
} WinogradBlocking;
int winograd_most_panels(int64_t panels); /* of how many panels its tiles are mostly */
WinogradBlocking winograd_blocking(const WinogradWork *w, const Machine *machine);
int64_t winograd_share(const WinogradWork *w, const Machine *machine, const WinogradBlocking *b);
#endif
