// Answers to the case "dense" of a golden pack: g++ -std=c++17 answers.cpp -o answers
//                                               ./answers PACK RESULTS
#include "golden.hpp"

#include <cmath>
#include <filesystem>
#include <iostream>

int main(int count, char** arguments) try {
    if (count != 3) throw std::runtime_error("usage: answers PACK RESULTS");
    const std::filesystem::path pack = arguments[1], results = arguments[2];
    const golden::Arrays given = golden::read((pack / "dense.json").string());
    const std::vector<double>& x = given.at("x").data;
    const std::vector<double>& y = given.at("y").data;
    const std::vector<double>& theta = given.at("theta").data;

    const std::size_t N = given.at("x").shape[0], D = 4, H = 2, C = 7;
    const double* W1 = theta.data();                       // (H, D + 1), the bias last
    const double* W2 = W1 + H * (D + 1);                   // (C, H + 1)
    std::vector<double> gradient(theta.size(), 0.0);
    double *dW1 = gradient.data(), *dW2 = dW1 + H * (D + 1), value = 0;

    for (std::size_t n = 0; n < N; ++n) {
        double p1[D + 1], p2[H + 1], e[C], total = 0;
        for (std::size_t j = 0; j <= D; ++j) p1[j] = j < D ? x[n * D + j] : 1;
        for (std::size_t i = 0; i <= H; ++i) {
            double s = 0;
            for (std::size_t j = 0; i < H && j <= D; ++j) s += W1[i * (D + 1) + j] * p1[j];
            p2[i] = i < H ? std::tanh(s) : 1;
        }
        for (std::size_t c = 0; c < C; ++c) {
            double s = 0;
            for (std::size_t i = 0; i <= H; ++i) s += W2[c * (H + 1) + i] * p2[i];
            total += e[c] = std::exp(s);
        }
        const std::size_t label = static_cast<std::size_t>(y[n]);
        value -= std::log(e[label] / total) / N;
        double dh[H] = {};
        for (std::size_t c = 0; c < C; ++c) {
            const double g = (e[c] / total - (c == label)) / N;
            for (std::size_t i = 0; i <= H; ++i) dW2[c * (H + 1) + i] += g * p2[i];
            for (std::size_t i = 0; i < H; ++i) dh[i] += g * W2[c * (H + 1) + i];
        }
        for (std::size_t i = 0; i < H; ++i)
            for (std::size_t j = 0; j <= D; ++j)
                dW1[i * (D + 1) + j] += dh[i] * (1 - p2[i] * p2[i]) * p1[j];
    }
    std::filesystem::create_directories(results);
    golden::write((results / "dense.json").string(),
                  {{"value", {{}, {value}}}, {"gradient", {{theta.size()}, gradient}}});
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
}
