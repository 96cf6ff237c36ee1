/* The register tile of the matrix kernels: rows of the left operand, which lie in lines, by panels of the
 * right one.
 *
 * Rows in lines: elements 16 l .. 16 l + 15 of row i are at a[l * line + 16 * i]. So the rows of a tile are
 * at constant distances, and one pointer finds them all. Rows that lie at a small constant distance already
 * need no lines: element k of tap t of row i is at a[t * tap + i * step + k]. Every sum goes over k in
 * ascending order, whatever the tile. */
#ifndef JITC_TILE_H
#define JITC_TILE_H

#include "codegen/llvm/gen.h"

enum { TILE_ACC = 28 };

typedef struct {
    DType t;
    Ptr a, w;
    Ival line, panel, k; /* elements from line to line, from panel to panel; length of the sums */
    bool tail;           /* k may be no multiple of TILE_KU */
    int64_t step;        /* not 0: there are no lines, but `taps` times k terms, rows `step` elements apart */
    Ival taps, tap;
    int fetch;  /* so many lines of weights are fetched per TILE_KU terms, */
    Ptr next;   /* which begin here; */
    bool apart; /* those of one panel do not lie next to those of another */
} Tile;
enum { TILE_KU = 4 };

/* How many panels the kernel's main tile has. */
int tile_panels(const Isa *isa, const Kernel *k, DType t);
/* The height of the kernel's highest tile: what its header allows, if the registers hold the main tile. Its
 * narrower tiles are no higher, since lines are made for one height. */
int tile_highest(const Isa *isa, const Kernel *k, DType t);
/* Whether the kernel may have tiles of so many panels. */
bool tile_has_width(const Isa *isa, const Kernel *k, DType t, int nv);
/* The heights of the tiles that take turns: the highest one, the next lower one, halves of it. 0 after 1. */
int tile_fewer(int rows, int highest);
/* How many tiles of a height the rows get that are left: of the highest as many as it takes for all others to
 * be just one row lower, of the others as many as fit. So are panels dealt to tiles of some widths. */
Ival tile_count(Gen *g, Ival rows, int height, int highest);
/* Weights from far memory come at a steady pace while tiles multiply: together, the tiles of a unit fetch
 * those that are next, each its part. How many lines one fetches per TILE_KU terms, 0 where they are not
 * far. */
int tile_fetch(const Isa *isa, const Kernel *k, DType t);
/* Which part of the next weights, `from` on, the tile fetches that begins with row number `row`. */
Ptr tile_next(Gen *g, const Kernel *k, const Tile *p, Ptr from, Ival row);
Vec tile_zero(Gen *g, DType t);
/* Adds to acc[i * nv + j]: row i by panel j. */
void tile_multiply(Gen *g, const Tile *p, Vec *acc, int mr, int nv);
/* The same by a function of the module; the sums go to sums[(i * nv + j) * 16], or are added to what is
 * there. */
void tile_call(Gen *g, const Tile *p, Ptr sums, bool add, int mr, int nv);
/* The same for any number of rows and panels that is no more than the kernel's main tile has. */
void tiles_call(Gen *g, const Kernel *k, const Tile *p, Ptr sums, bool add, Ival mr, Ival nv);
#endif
