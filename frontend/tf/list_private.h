/* What tensor lists and tensor arrays share. */
#ifndef JITC_FRONTEND_TF_LIST_PRIVATE_H
#define JITC_FRONTEND_TF_LIST_PRIVATE_H

#include "frontend/tf/list.h"

bool list_told(const List *l); /* the whole shape of an element */
/* An element's shape from a tensor: -1 stands for unknown. */
void list_shape(Cx *cx, Value *v, List *l);
Value *list_new(Cx *cx, const List *l);
Dim list_length(Cx *cx, const Value *list);
Value *list_resize(Cx *cx, Value *list, Dim n);
Value *list_set(Cx *cx, Value *list, Value *index, Value *item, bool grows);
Value *list_push(Cx *cx, Value *list, Value *item);
/* `like`: what the node says about an element's shape, where the list does not know it. */
Value *list_get(Cx *cx, Value *list, Value *index, const List *like);
Value *list_stack(Cx *cx, Value *list, const List *like);
Value *list_gather(Cx *cx, Value *list, Value *indices, const List *like);
Value *list_scatter(Cx *cx, Value *list, Value *tensor, Value *indices, bool grows);
Value *list_concat(Cx *cx, Value *list, const List *like, Value **lengths);
Value *list_split(Cx *cx, const List *l, Value *tensor, Value *lengths);
#endif
