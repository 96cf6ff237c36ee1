// jitc's C API for C++17: what is loaded frees itself, errors are exceptions. Copy this file, and change it.
#ifndef JITC_HPP
#define JITC_HPP

#include <jitc/jitc.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>

namespace jitc
{

class Error : public std::runtime_error
{
  public:
    Error(jitc_status s, const char *text) : std::runtime_error(text), status(s) {}
    jitc_status status;
};

// The element type of a C++ type.
template <class T> constexpr jitc_dtype dtype_of = jitc_dtype(0);
template <> inline constexpr jitc_dtype dtype_of<float> = JITC_FLOAT32;
template <> inline constexpr jitc_dtype dtype_of<double> = JITC_FLOAT64;
template <> inline constexpr jitc_dtype dtype_of<std::uint8_t> = JITC_UINT8;
template <> inline constexpr jitc_dtype dtype_of<std::int32_t> = JITC_INT32;
template <> inline constexpr jitc_dtype dtype_of<std::int64_t> = JITC_INT64;
template <> inline constexpr jitc_dtype dtype_of<bool> = JITC_BOOL;

// Elements that belong to somebody else.
template <class T> struct View {
    T *data;
    std::size_t size;
    T *begin() const { return data; }
    T *end() const { return data + size; }
    T &operator[](std::size_t i) const { return data[i]; }
};

// A loaded model. Any number of threads may share it.
class Program
{
  public:
    explicit Program(const std::string &path, const jitc_options *options = nullptr)
    {
        jitc_program *p = nullptr;
        jitc_error *e = nullptr;
        jitc_status status = jitc_program_load(path.c_str(), options, &p, &e);
        program.reset(p);
        std::unique_ptr<jitc_error, Free> error(e);
        if (status) throw Error(status, e ? jitc_error_text(e) : "out of memory");
    }
    jitc_program *get() const { return program.get(); }

  private:
    struct Free {
        void operator()(jitc_program *p) const { jitc_program_free(p); }
        void operator()(jitc_error *e) const { jitc_error_free(e); }
    };
    std::unique_ptr<jitc_program, Free> program;
};

// The bindings and the working memory of one caller: one per thread.
class Exec
{
  public:
    explicit Exec(const Program &program)
    {
        jitc_exec *x = nullptr;
        jitc_status status = jitc_exec_new(program.get(), &x);
        exec.reset(x);
        if (status) throw Error(status, "no memory for another exec");
    }
    // The elements are read by each run, and must be there until then.
    template <class T>
    void bind(const char *name, std::initializer_list<std::int64_t> shape, const T *elements)
    {
        static_assert(dtype_of<T> != jitc_dtype(0), "no element type of jitc");
        jitc_tensor t{};
        if (shape.size() > JITC_MAX_RANK) throw Error(JITC_E_USAGE, "too many dimensions");
        for (std::int64_t size : shape) t.shape[t.rank++] = size;
        t.dtype = dtype_of<T>;
        t.data = const_cast<T *>(elements);
        check(jitc_exec_bind(exec.get(), name, &t));
    }
    void run() { check(jitc_exec_run(exec.get())); }
    // Valid until the next bind or run.
    template <class T> View<const T> output(std::size_t i) const
    {
        jitc_tensor t{};
        check(jitc_exec_output(exec.get(), i, &t));
        if (t.dtype != dtype_of<T>) throw Error(JITC_E_USAGE, "the output has another element type");
        std::size_t size = 1;
        for (int d = 0; d < t.rank; d++) size *= std::size_t(t.shape[d]);
        return {static_cast<const T *>(t.data), size};
    }

  private:
    struct Free {
        void operator()(jitc_exec *x) const { jitc_exec_free(x); }
    };
    std::unique_ptr<jitc_exec, Free> exec;

    void check(jitc_status status) const
    {
        if (status) throw Error(status, jitc_exec_error(exec.get()));
    }
};

} // namespace jitc
#endif
