// Threads share one program; each has an exec of its own and a part of the images.
//
//     cpp_host FOLDER [THREADS]        FOLDER: where digits.pb, test_images.npy and test_labels.npy are
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <vector>

#include "jitc.hpp"

constexpr std::size_t side = 8, pixels = side * side, classes = 10, batch = 15;

// The elements of a version-1 .npy file: magic, version, header length, header, then bytes.
template <class T> std::vector<T> read_npy(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::size_t at = 10;
    if (bytes.size() >= at) at += std::size_t((unsigned char)bytes[8]) + 256u * (unsigned char)bytes[9];
    if (bytes.size() < at || std::string(bytes.data() + 1, 6) != std::string("NUMPY\1"))
        throw std::runtime_error(path + ": no .npy file of version 1");
    std::vector<T> elements((bytes.size() - at) / sizeof(T));
    std::copy_n(bytes.data() + at, elements.size() * sizeof(T), reinterpret_cast<char *>(elements.data()));
    return elements;
}

struct Part {
    std::size_t images = 0, right = 0;
};

// Classifies images [first, last), some at a time.
Part classify(const jitc::Program &program, const std::vector<float> &images,
              const std::vector<std::int32_t> &labels, std::size_t first, std::size_t last)
{
    Part part;
    jitc::Exec exec(program);
    for (std::size_t i = first; i < last; i += batch) {
        std::size_t n = std::min(batch, last - i);
        exec.bind("images", {std::int64_t(n), side, side, 1}, &images[i * pixels]);
        exec.run();
        auto probabilities = exec.output<float>(0);
        for (std::size_t k = 0; k < n; k++) {
            const float *row = &probabilities[k * classes];
            part.right += std::max_element(row, row + classes) - row == labels[i + k];
        }
        part.images += n;
    }
    return part;
}

int main(int argc, char **argv)
try {
    std::size_t threads = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 4;
    if (argc < 2 || threads < 1 || threads > 64) {
        std::fprintf(stderr, "usage: cpp_host FOLDER [THREADS]\n");
        return 2;
    }
    std::string folder = argv[1];
    auto images = read_npy<float>(folder + "/test_images.npy");
    auto labels = read_npy<std::int32_t>(folder + "/test_labels.npy");
    if (images.size() != labels.size() * pixels)
        throw std::runtime_error(folder + ": other images than labels");

    jitc::Program program(folder + "/digits.pb");
    std::vector<std::future<Part>> parts; // an exception of a thread comes out of its get()
    for (std::size_t t = 0; t < threads; t++)
        parts.push_back(std::async(std::launch::async, [&, t] {
            return classify(program, images, labels, labels.size() * t / threads,
                            labels.size() * (t + 1) / threads);
        }));

    std::size_t right = 0;
    std::printf("thread  images  right\n");
    for (std::size_t t = 0; t < threads; t++) {
        Part part = parts[t].get();
        std::printf("%6zu  %6zu  %5zu\n", t, part.images, part.right);
        right += part.right;
    }
    std::printf("%zu of %zu right\n", right, labels.size());
    return 0;
} catch (const std::exception &e) {
    std::fprintf(stderr, "cpp_host: %s\n", e.what());
    return 1;
}
