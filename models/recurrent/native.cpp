// The steps of a recurrence in C++, which models/recurrent/native.py compiles and calls, once with
// REAL=float and once with REAL=double.
//
// A step of a small network takes microseconds, as long as PyTorch needs to start two operations.
// Here it is one product, whose weights are laid out once for all steps, and one pass over its
// gates. Nothing of PyTorch is included, so that it compiles in seconds and fits every version.
//
// All arrays are dense; a step's is (rows, hidden) or (rows, gates * hidden), gates in PyTorch's
// order. Equations and names are those of models/recurrent/aten.py.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

using Real = REAL;
using Size = std::int64_t;

namespace {

#if defined(__AVX512F__)
constexpr Size kBytes = 64, kWide = 3, kTall = 8;  // sums in 24 of 32 registers
#elif defined(__AVX__)
constexpr Size kBytes = 32, kWide = 3, kTall = 4;  // in 12 of 16
#else
constexpr Size kBytes = 16, kWide = 3, kTall = 4;
#endif
constexpr Size kLanes = kBytes / sizeof(Real), kColumns = kWide * kLanes;
constexpr Size kBlock = 16;  // of a transposition, inside which a line of cache is read once
typedef Real Lanes __attribute__((vector_size(kBytes), aligned(alignof(Real)), may_alias));

// out += x @ w, where w is cut into panels of some columns, each stored row after row. The panels
// are the thread's, kept from call to call: new pages would cost more than what is written to them.
// So a thread has one product at a time.
class Product {
 public:
  // Of a weight (out, in) it is x @ weight.T if `transposed`, else, of (in, out), x @ weight.
  Product(const Real* weight, Size in, Size out, bool transposed) : in_(in), out_(out) {
    static thread_local std::vector<Real> panels;
    panels.resize((out + kLanes - 1) / kLanes * kLanes * in);
    panels_ = panels.data();
    for (Size first = 0; first < out; first += kColumns) {
      const Size count = std::min(kColumns, out - first), columns = padded(count);
      Real* panel = panels_ + first * in;
      if (count < columns) std::fill_n(panel, columns * in, Real(0));
      if (transposed) {
        for (Size start = 0; start < in; start += kBlock)
          for (Size n = 0; n < count; ++n)
            for (Size k = start; k < std::min(in, start + kBlock); ++k)
              panel[k * columns + n] = weight[(first + n) * in + k];
      } else {
        for (Size k = 0; k < in; ++k)
          std::copy_n(weight + k * out + first, count, panel + k * columns);
      }
    }
  }

  void operator()(const Real* x, Size rows, Real* out) const {
    for (Size first = 0; first < out_; first += kColumns) {
      const Size count = std::min(kColumns, out_ - first);
      const Real* panel = panels_ + first * in_;
      switch (padded(count) / kLanes) {
        case 1: tiles<1>(x, rows, panel, count, out + first); break;
        case 2: tiles<2>(x, rows, panel, count, out + first); break;
        default: tiles<kWide>(x, rows, panel, count, out + first);
      }
    }
  }

 private:
  static Size padded(Size count) { return (count + kLanes - 1) / kLanes * kLanes; }

  template <Size kVectors>
  void tiles(const Real* x, Size rows, const Real* panel, Size count, Real* out) const {
    Size row = 0;
    for (; row + kTall <= rows; row += kTall) tile<kTall, kVectors>(x, row, panel, count, out);
    if (kTall > 4 && row + 4 <= rows) tile<4, kVectors>(x, row, panel, count, out), row += 4;
    if (row + 2 <= rows) tile<2, kVectors>(x, row, panel, count, out), row += 2;
    if (row < rows) tile<1, kVectors>(x, row, panel, count, out);
  }

  template <Size kRows, Size kVectors>
  void tile(const Real* x, Size row, const Real* panel, Size count, Real* out) const {
    Lanes sums[kRows][kVectors] = {};
    x += row * in_;
    for (Size k = 0; k < in_; ++k, panel += kVectors * kLanes)
      for (Size v = 0; v < kVectors; ++v) {
        const Lanes w = *reinterpret_cast<const Lanes*>(panel + v * kLanes);
        for (Size r = 0; r < kRows; ++r) sums[r][v] += x[r * in_ + k] * w;
      }
    for (Size r = 0; r < kRows; ++r)
      for (Size v = 0; v < kVectors; ++v) {
        Real* to = out + (row + r) * out_ + v * kLanes;
        const Size left = count - v * kLanes;
        if (left >= kLanes) *reinterpret_cast<Lanes*>(to) += sums[r][v];
        else for (Size lane = 0; lane < left; ++lane) to[lane] += sums[r][v][lane];
      }
  }

  Size in_, out_;
  Real* panels_;
};

// e^x - 1 without a branch, so that a loop of it is vectorised: x = n ln 2 + r, Taylor's series of
// r to the last bit, and powers of two. What is not a number stays none.
inline Real expm1(Real x) {
  constexpr bool kSingle = std::is_same<Real, float>::value;
  using Integer = std::conditional<kSingle, std::int32_t, std::int64_t>::type;
  constexpr int kMantissa = kSingle ? 23 : 52, kBias = kSingle ? 127 : 1023;
  constexpr int kTerms = kSingle ? 8 : 14;
  constexpr Real kMost = kSingle ? 87 : 708;
  constexpr Real kLog2E = 1.44269504088896340736;
  constexpr Real kLn2High = kSingle ? 0.693359375 : 6.93147180369123816490e-1;
  constexpr Real kLn2Low = kSingle ? -2.12194440e-4 : 1.90821492927058770002e-10;
  constexpr Real kRound = Real(1.5) * (Size(1) << kMantissa);  // adding it leaves whole numbers
  x = x > kMost ? kMost : x;
  x = x < -kMost ? -kMost : x;
  const Real shifted = x * kLog2E + kRound, n = shifted - kRound;
  const Real r = (x - n * kLn2High) - n * kLn2Low;
  Real series = 1;
  for (int k = kTerms; k > 1; --k) series = 1 + series * r * (Real(1) / k);
  Integer bits, zero;
  std::memcpy(&bits, &shifted, sizeof bits);
  std::memcpy(&zero, &kRound, sizeof zero);
  bits = (bits - zero + kBias) << kMantissa;
  Real power;
  std::memcpy(&power, &bits, sizeof power);
  return power * (r * series) + (power - 1);
}

inline Real sigmoid(Real x) { return 1 / (2 + expm1(-x)); }
inline Real tanh(Real x) {
  const Real e = expm1(2 * x);
  return e / (e + 2);
}

}  // namespace

extern "C" {

// Of every backward: `grad` is the gradient at every h; `carry` is zero, holds what comes back
// through the recurrence, and ends as the gradient at the first state; `slopes` becomes the
// gradient at the gates before their sigmoid or tanh.

// Elman: h_t = tanh(a_t), a_t = x_t + U h_{t-1}; da_t = dh_t (1 - h_t^2).

void elman_forward(Size steps, Size rows, Size size, const Real* inputs, const Real* weight,
                   const Real* h0, Real* states) {
  const Product product(weight, size, size, true);
  const Size step = rows * size;
  const Real* before = h0;
  for (Size t = 0; t < steps; ++t, before = states, states += step, inputs += step) {
    std::copy_n(inputs, step, states);
    product(before, rows, states);
#pragma omp simd
    for (Size j = 0; j < step; ++j) states[j] = tanh(states[j]);
  }
}

void elman_backward(Size steps, Size rows, Size size, const Real* grad, const Real* weight,
                    const Real* states, Real* carry, Real* slopes) {
  const Product product(weight, size, size, false);
  const Size step = rows * size;
  for (Size t = steps; t-- > 0;) {
    const Real *h = states + t * step, *dh = grad + t * step;
    Real* da = slopes + t * step;
#pragma omp simd
    for (Size j = 0; j < step; ++j) {
      da[j] = (dh[j] + carry[j]) * (1 - h[j] * h[j]);
      carry[j] = 0;
    }
    product(da, rows, carry);
  }
}

// GRU: r, z = sigmoid(.), m = U_n h_{t-1} + b_n, n = tanh(x_n + r m), h_t = n + z (h_{t-1} - n).

// gates: become r, z and m.
void gru_forward(Size steps, Size rows, Size size, const Real* inputs, const Real* weight,
                 const Real* bias, const Real* h0, Real* gates, Real* candidates, Real* states) {
  const Product product(weight, size, 3 * size, true);
  const Real* before = h0;
  for (Size t = 0; t < steps; ++t) {
    for (Size row = 0; row < rows; ++row) {
      std::copy_n(inputs + row * 3 * size, 2 * size, gates + row * 3 * size);
      std::copy_n(bias, size, gates + row * 3 * size + 2 * size);
    }
    product(before, rows, gates);
    for (Size row = 0; row < rows; ++row) {
      Real *r = gates + row * 3 * size, *z = r + size, *n = candidates + row * size;
      Real* h = states + row * size;
      const Real *m = z + size, *x_n = inputs + (row * 3 + 2) * size, *last = before + row * size;
#pragma omp simd
      for (Size j = 0; j < size; ++j) {
        r[j] = sigmoid(r[j]);
        z[j] = sigmoid(z[j]);
        n[j] = tanh(x_n[j] + r[j] * m[j]);
        h[j] = n[j] + z[j] * (last[j] - n[j]);
      }
    }
    before = states;
    states += rows * size, candidates += rows * size;
    gates += rows * 3 * size, inputs += rows * 3 * size;
  }
}

// slopes: become the gradients at r, z and m; slopes_n: at n, whose inputs skip the reset gate.
void gru_backward(Size steps, Size rows, Size size, const Real* grad, const Real* weight,
                  const Real* h0, const Real* states, const Real* gates, const Real* candidates,
                  Real* carry, Real* slopes, Real* slopes_n) {
  const Product product(weight, 3 * size, size, false);
  for (Size t = steps; t-- > 0;) {
    const Real* before = t ? states + (t - 1) * rows * size : h0;
    for (Size row = 0; row < rows; ++row) {
      const Size at = (t * rows + row) * size;
      const Real *r = gates + 3 * at, *z = r + size, *m = z + size, *n = candidates + at;
      const Real *last = before + row * size, *dh = grad + at;
      Real *dr = slopes + 3 * at, *dz = dr + size, *dm = dz + size, *dn = slopes_n + at;
      Real* back = carry + row * size;
#pragma omp simd
      for (Size j = 0; j < size; ++j) {
        const Real d = dh[j] + back[j];
        dn[j] = d * (1 - z[j]) * (1 - n[j] * n[j]);
        dm[j] = dn[j] * r[j];
        dr[j] = dm[j] * m[j] * (1 - r[j]);
        dz[j] = d * (last[j] - n[j]) * z[j] * (1 - z[j]);
        back[j] = d * z[j];
      }
    }
    product(slopes + t * rows * 3 * size, rows, carry);
  }
}

// LSTM: i, f, g, o; c_t = f c_{t-1} + i g, h_t = o tanh(c_t).

// gates: become i, f, g and o.
void lstm_forward(Size steps, Size rows, Size size, const Real* inputs, const Real* weight,
                  const Real* h0, const Real* c0, Real* gates, Real* cells, Real* states) {
  const Product product(weight, size, 4 * size, true);
  const Real *before = h0, *c_before = c0;
  for (Size t = 0; t < steps; ++t) {
    std::copy_n(inputs, rows * 4 * size, gates);
    product(before, rows, gates);
    for (Size row = 0; row < rows; ++row) {
      Real *i = gates + row * 4 * size, *f = i + size, *g = f + size, *o = g + size;
      Real *c = cells + row * size, *h = states + row * size;
      const Real* last = c_before + row * size;
#pragma omp simd
      for (Size j = 0; j < size; ++j) {
        i[j] = sigmoid(i[j]);
        f[j] = sigmoid(f[j]);
        g[j] = tanh(g[j]);
        o[j] = sigmoid(o[j]);
        c[j] = f[j] * last[j] + i[j] * g[j];
        h[j] = o[j] * tanh(c[j]);
      }
    }
    before = states, c_before = cells;
    states += rows * size, cells += rows * size;
    gates += rows * 4 * size, inputs += rows * 4 * size;
  }
}

// grad_c: the gradient at every c, or null; carry_c: as carry, of c.
void lstm_backward(Size steps, Size rows, Size size, const Real* grad, const Real* grad_c,
                   const Real* weight, const Real* c0, const Real* cells, const Real* gates,
                   Real* carry, Real* carry_c, Real* slopes) {
  const Product product(weight, 4 * size, size, false);
  for (Size t = steps; t-- > 0;) {
    const Real* before = t ? cells + (t - 1) * rows * size : c0;
    for (Size row = 0; row < rows; ++row) {
      const Size at = (t * rows + row) * size;
      const Real *i = gates + 4 * at, *f = i + size, *g = f + size, *o = g + size;
      const Real *last = before + row * size, *c = cells + at, *dh = grad + at;
      Real *di = slopes + 4 * at, *df = di + size, *dg = df + size, *d_o = dg + size;
      Real *back = carry + row * size, *back_c = carry_c + row * size;
      if (grad_c)
        for (Size j = 0; j < size; ++j) back_c[j] += grad_c[at + j];
#pragma omp simd
      for (Size j = 0; j < size; ++j) {
        const Real y = tanh(c[j]), d = dh[j] + back[j], dc = back_c[j] + d * o[j] * (1 - y * y);
        di[j] = dc * g[j] * i[j] * (1 - i[j]);
        df[j] = dc * last[j] * f[j] * (1 - f[j]);
        dg[j] = dc * i[j] * (1 - g[j] * g[j]);
        d_o[j] = d * y * o[j] * (1 - o[j]);
        back[j] = 0;
        back_c[j] = dc * f[j];
      }
    }
    product(slopes + t * rows * 4 * size, rows, carry);
  }
}

}  // extern "C"
