// Cases of golden packs for C++17, without any library: read(path) -> {name: array}, and write.
#pragma once
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace golden {

struct Array {                          // row-major; whole numbers up to 2^53 are exact
    std::vector<std::size_t> shape;
    std::vector<double> data;
};
using Arrays = std::map<std::string, Array>;

// JSON as CASE.json has it: {"arrays": {name: {"shape": [...], "data": [...], ...}, ...}, ...}.
class Reader {
public:
    explicit Reader(std::string text) : text_(std::move(text)) {}

    Arrays arrays() {
        Arrays found;
        members([&](const std::string& key) {
            if (key == "arrays") members([&](const std::string& name) { found[name] = array(); });
            else skip();
        });
        return found;
    }

private:
    std::string text_;
    std::size_t at_ = 0;

    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error("no case of a golden pack: " + what + " at byte "
                                 + std::to_string(at_));
    }
    char peek() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
        return at_ < text_.size() ? text_[at_] : '\0';
    }
    bool take(char c) { return peek() == c ? (++at_, true) : false; }
    void expect(char c) { if (!take(c)) fail(std::string("no ") + c); }

    std::string word() {                // names in a pack need no escapes
        expect('"');
        const std::size_t end = text_.find('"', at_);
        if (end == std::string::npos) fail("an unfinished name");
        std::string found = text_.substr(at_, end - at_);
        at_ = end + 1;
        return found;
    }
    double number() {
        peek();
        const char* start = text_.c_str() + at_;
        char* end = nullptr;
        const double found = std::strtod(start, &end);
        if (end == start) fail("no number");
        at_ += static_cast<std::size_t>(end - start);
        return found;
    }
    template <class F> void members(F each) {
        expect('{');
        if (take('}')) return;
        do { const std::string key = word(); expect(':'); each(key); } while (take(','));
        expect('}');
    }
    template <class F> void items(F each) {
        expect('[');
        if (take(']')) return;
        do each(); while (take(','));
        expect(']');
    }
    Array array() {
        Array a;
        members([&](const std::string& key) {
            if (key == "shape")
                items([&] { a.shape.push_back(static_cast<std::size_t>(number())); });
            else if (key == "data")
                items([&] { a.data.push_back(number()); });
            else skip();
        });
        return a;
    }
    void skip() {
        if (peek() == '"') word();
        else if (peek() == '{') members([&](const std::string&) { skip(); });
        else if (peek() == '[') items([&] { skip(); });
        else number();
    }
};

inline Arrays read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open " + path);
    return Reader({std::istreambuf_iterator<char>(file), {}}).arrays();
}

inline void write(const std::string& path, const Arrays& answers) {
    std::ofstream file(path, std::ios::binary);
    file << std::setprecision(17) << "{";
    const char* comma = "";
    for (const auto& [name, a] : answers) {
        file << comma << '"' << name << "\": {\"shape\": [";
        for (std::size_t i = 0; i < a.shape.size(); ++i) file << (i ? ", " : "") << a.shape[i];
        file << "], \"data\": [";
        for (std::size_t i = 0; i < a.data.size(); ++i) file << (i ? ", " : "") << a.data[i];
        file << "]}";
        comma = ",\n";
    }
    file << "}\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace golden
