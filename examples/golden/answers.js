// Answers to the case "dense" of a golden pack, without any library: node answers.js PACK RESULTS
"use strict";
const fs = require("fs");
const path = require("path");

const [pack, results] = process.argv.slice(2);
const { arrays } = JSON.parse(fs.readFileSync(path.join(pack, "dense.json"), "utf8"));
const { x, y, theta } = arrays; // each { dtype, shape, data }, data row by row

const [N, D] = x.shape;
const H = 2, C = 7, second = H * (D + 1); // theta: W1 (H, D + 1), then W2 (C, H + 1)
const gradient = new Array(theta.data.length).fill(0);
let value = 0;
for (let n = 0; n < N; n++) {
  const p1 = [...x.data.slice(n * D, (n + 1) * D), 1]; // the constant 1 of the bias comes last
  const times = (start, rows, p) => Array.from({ length: rows }, (_, i) =>
    p.reduce((sum, pj, j) => sum + theta.data[start + i * p.length + j] * pj, 0));
  const h = times(0, H, p1).map(Math.tanh);
  const p2 = [...h, 1];
  const e = times(second, C, p2).map(Math.exp);
  const total = e.reduce((a, b) => a + b, 0);
  value -= Math.log(e[y.data[n]] / total) / N;
  const g2 = e.map((ec, c) => (ec / total - (c === y.data[n])) / N);
  const g1 = h.map((hi, i) => (1 - hi * hi) *
    g2.reduce((sum, g, c) => sum + g * theta.data[second + c * (H + 1) + i], 0));
  g1.forEach((g, i) => p1.forEach((pj, j) => { gradient[i * (D + 1) + j] += g * pj; }));
  g2.forEach((g, c) => p2.forEach((pj, j) => { gradient[second + c * (H + 1) + j] += g * pj; }));
}

fs.mkdirSync(results, { recursive: true });
fs.writeFileSync(path.join(results, "dense.json"), JSON.stringify({ value, gradient }));
