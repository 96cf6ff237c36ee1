/* Folders that are private to the user, and files in them that appear whole or not at all. Private to
 * runtime/ and the tool. */
#ifndef JITC_RUNTIME_FOLDER_H
#define JITC_RUNTIME_FOLDER_H

#include "ir/base/base.h"

struct stat;

typedef struct {
    int fd;                 /* -1: there is none */
    const char *path, *why; /* why: what is wrong, or NULL; in the job */
} Folder;

/* The folder `name` of jitc's in the user's cache ($XDG_CACHE_HOME, else ~/.cache). Nobody else may be able
 * to write there, nor to lead us elsewhere. With `make` it is made where it is missing. */
Folder folder_user(Job *job, const char *name, bool make);
/* The same for any folder; only the last part of the path is made. */
Folder folder_named(Job *job, const char *path, bool make);
void folder_close(Folder *f); /* accepts one that is not there */

/* A file for reading, which nobody but the user can write. -1: there is none, or *why says what is wrong. */
int folder_open(Job *job, const Folder *f, const char *name, const char **why);

/* A new file under a name that nobody else has. */
typedef struct {
    int fd;
    char name[40];
} FolderTemp;
bool folder_create(const Folder *f, FolderTemp *t);           /* false: errno */
bool folder_write(FolderTemp *t, const void *data, size_t n); /* the same */
/* Under its name, and closes it; the same. `sync`: it outlives a crash of the system. `st`: NULL, or what the
 * file is like then. */
bool folder_publish(const Folder *f, FolderTemp *t, const char *name, bool sync, struct stat *st);
void folder_drop(const Folder *f, FolderTemp *t);
void folder_sweep(const Folder *f); /* removes what processes that were killed have left */
#endif
