// The steps of a recurrence in C++, which models/recurrent/native.py compiles and calls.
//
// A step of a small network takes microseconds, as long as PyTorch needs to start two operations.
// Here it is one product, whose weights are laid out once for all steps, and one pass over its
// gates. Nothing of PyTorch is included, so that it compiles in seconds and fits every version.
//
// All arrays are dense; a step's is (rows, hidden) or (rows, gates * hidden), gates in PyTorch's
// order. Equations and names are those of models/recurrent/scan.py.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using std::int64_t;

#if defined(__AVX512F__)
constexpr int64_t kBytes = 64, kWide = 3, kTall = 8;  // 24 of 32 registers hold sums
#elif defined(__AVX__)
constexpr int64_t kBytes = 32, kWide = 3, kTall = 4;  // 12 of 16
#else
constexpr int64_t kBytes = 16, kWide = 3, kTall = 4;
#endif

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(kBytes), aligned(alignof(T)), may_alias));
};

// out += x @ w, where w is cut into panels of some columns, each stored row after row. The panels
// are the thread's, kept from call to call: new pages would cost more than what is written to them.
// So a thread has one product at a time.
template <class T>
class Product {
 public:
  // Of a weight (out, in) it is x @ weight.T if `transposed`, else, of (in, out), x @ weight.
  Product(const T* weight, int64_t in, int64_t out, bool transposed) : in_(in), out_(out) {
    static thread_local std::vector<T> panels;
    panels.resize((out + kColumns - 1) / kColumns * kColumns * in);
    panels_ = panels.data();
    for (int64_t first = 0; first < out; first += kColumns) {
      T* panel = panels_ + first * in;
      const int64_t count = std::min(kColumns, out - first);
      if (count < kColumns) std::fill_n(panel, kColumns * in, T(0));
      if (transposed) {
        for (int64_t start = 0; start < in; start += kBlock)
          for (int64_t n = 0; n < count; ++n)
            for (int64_t k = start; k < std::min(in, start + kBlock); ++k)
              panel[k * kColumns + n] = weight[(first + n) * in + k];
      } else {
        for (int64_t k = 0; k < in; ++k)
          std::copy_n(weight + k * out + first, count, panel + k * kColumns);
      }
    }
  }

  void operator()(const T* x, int64_t rows, T* out) const {
    for (int64_t first = 0; first < out_; first += kColumns) {
      const int64_t count = std::min(kColumns, out_ - first);
      for (int64_t row = 0; row < rows;) row += some(x, row, rows - row, first, count, out);
    }
  }

 private:
  using V = typename Vector<T>::type;
  static constexpr int64_t kLanes = kBytes / sizeof(T), kColumns = kWide * kLanes, kBlock = 16;

  int64_t some(const T* x, int64_t row, int64_t left, int64_t first, int64_t count, T* out) const {
    if (left >= kTall) return block<kTall>(x, row, first, count, out);
    if (left >= 4) return block<4>(x, row, first, count, out);
    if (left >= 2) return block<2>(x, row, first, count, out);
    return block<1>(x, row, first, count, out);
  }

  template <int64_t kRows>
  int64_t block(const T* x, int64_t row, int64_t first, int64_t count, T* out) const {
    V sums[kRows][kWide] = {};
    const T* panel = panels_ + first * in_;
    x += row * in_;
    for (int64_t k = 0; k < in_; ++k, panel += kColumns)
      for (int64_t c = 0; c < kWide; ++c) {
        const V w = *reinterpret_cast<const V*>(panel + c * kLanes);
        for (int64_t r = 0; r < kRows; ++r) sums[r][c] += x[r * in_ + k] * w;
      }
    for (int64_t r = 0; r < kRows; ++r) {
      T* to = out + (row + r) * out_ + first;
      for (int64_t c = 0; c < kWide; ++c) {
        const int64_t n = std::min(kLanes, count - c * kLanes);
        if (n == kLanes) *reinterpret_cast<V*>(to + c * kLanes) += sums[r][c];
        else for (int64_t lane = 0; lane < n; ++lane) to[c * kLanes + lane] += sums[r][c][lane];
      }
    }
    return kRows;
  }

  int64_t in_, out_;
  T* panels_;
};

// e^x - 1 without a branch, so that a loop of it is vectorised: x = n ln 2 + r, Taylor's series of
// r to the last bit, and powers of two. What is not a number stays none.
template <class T> struct Bits;
template <> struct Bits<float> {
  using Integer = std::int32_t;
  static constexpr int kMantissa = 23, kBias = 127, kTerms = 8;
  static constexpr float kMost = 87.0f, kHigh = 0.693359375f, kLow = -2.12194440e-4f;
};
template <> struct Bits<double> {
  using Integer = std::int64_t;
  static constexpr int kMantissa = 52, kBias = 1023, kTerms = 14;
  static constexpr double kMost = 708.0, kHigh = 6.93147180369123816490e-1,
                          kLow = 1.90821492927058770002e-10;
};

template <class T>
inline T expm1(T x) {
  using B = Bits<T>;
  constexpr T kRound = T(1.5) * (int64_t(1) << B::kMantissa);  // adding it leaves whole numbers
  x = x > B::kMost ? B::kMost : x;
  x = x < -B::kMost ? -B::kMost : x;
  const T shifted = x * T(1.44269504088896340736) + kRound, n = shifted - kRound;
  const T r = (x - n * B::kHigh) - n * B::kLow;
  T series = 1;
  for (int k = B::kTerms; k > 1; --k) series = 1 + series * r * (T(1) / k);
  typename B::Integer bits, unit;
  const T whole = kRound;
  std::memcpy(&bits, &shifted, sizeof bits);
  std::memcpy(&unit, &whole, sizeof unit);
  bits = (bits - unit + B::kBias) << B::kMantissa;
  T power;
  std::memcpy(&power, &bits, sizeof power);
  return power * (r * series) + (power - 1);
}

template <class T> inline T sigmoid(T x) { return 1 / (2 + expm1(-x)); }
template <class T> inline T tanh(T x) { const T e = expm1(2 * x); return e / (e + 2); }

// Elman: h_t = tanh(x_t + U h_{t-1}); da_t = dh_t (1 - h_t^2).

// states: the inputs' part, becomes h.
template <class T>
void elman_forward(int64_t steps, int64_t rows, int64_t size, const T* weight, const T* before,
                   T* states) {
  const Product<T> product(weight, size, size, true);
  const int64_t step = rows * size;
  for (int64_t t = 0; t < steps; ++t, before = states, states += step) {
    product(before, rows, states);
#pragma omp simd
    for (int64_t i = 0; i < step; ++i) states[i] = tanh(states[i]);
  }
}

// grad: (steps + 1, rows, hidden) at the first state and at every h, to which is added what comes
// through the recurrence; slopes: becomes the gradient at a.
template <class T>
void elman_backward(int64_t steps, int64_t rows, int64_t size, const T* weight, const T* states,
                    T* grad, T* slopes) {
  const Product<T> product(weight, size, size, false);
  const int64_t step = rows * size;
  for (int64_t t = steps; t-- > 0;) {
    const T *h = states + t * step, *dh = grad + (t + 1) * step;
    T* da = slopes + t * step;
#pragma omp simd
    for (int64_t i = 0; i < step; ++i) da[i] = dh[i] * (1 - h[i] * h[i]);
    product(da, rows, grad + t * step);
  }
}

// GRU: r, z = sigmoid(.), m = U_n h_{t-1} + b_n, n = tanh(x_n + r m), h_t = n + z (h_{t-1} - n).

// gates: the inputs' part of r and z and b_n, becomes r, z, m; candidates: x_n, becomes n.
template <class T>
void gru_forward(int64_t steps, int64_t rows, int64_t size, const T* weight, const T* before,
                 T* gates, T* candidates, T* states) {
  const Product<T> product(weight, size, 3 * size, true);
  for (int64_t t = 0; t < steps; ++t, before = states, states += rows * size) {
    product(before, rows, gates);
    for (int64_t row = 0; row < rows; ++row, gates += 3 * size, candidates += size) {
      T *r = gates, *z = r + size, *h = states + row * size, *n = candidates;
      const T *m = z + size, *h_before = before + row * size;
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) {
        r[i] = sigmoid(r[i]);
        z[i] = sigmoid(z[i]);
        n[i] = tanh(n[i] + r[i] * m[i]);
        h[i] = n[i] + z[i] * (h_before[i] - n[i]);
      }
    }
  }
}

// states: (steps + 1, rows, hidden), the first one in front; grad as above; slopes: becomes the
// gradient at r, z, m, and slopes_n at x_n.
template <class T>
void gru_backward(int64_t steps, int64_t rows, int64_t size, const T* weight, const T* states,
                  const T* gates, const T* candidates, T* grad, T* slopes, T* slopes_n) {
  const Product<T> product(weight, 3 * size, size, false);
  for (int64_t t = steps; t-- > 0;) {
    for (int64_t row = t * rows; row < (t + 1) * rows; ++row) {
      const T *r = gates + row * 3 * size, *z = r + size, *m = z + size;
      const T *n = candidates + row * size, *before = states + row * size;
      const T* dh = grad + (row + rows) * size;
      T *dr = slopes + row * 3 * size, *dz = dr + size, *dm = dz + size;
      T *dn = slopes_n + row * size, *dh_before = grad + row * size;
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) {
        dn[i] = dh[i] * (1 - z[i]) * (1 - n[i] * n[i]);
        dm[i] = dn[i] * r[i];
        dr[i] = dm[i] * m[i] * (1 - r[i]);
        dz[i] = dh[i] * (before[i] - n[i]) * z[i] * (1 - z[i]);
        dh_before[i] += dh[i] * z[i];
      }
    }
    product(slopes + t * rows * 3 * size, rows, grad + t * rows * size);
  }
}

// LSTM: i, f, g, o; c_t = f c_{t-1} + i g, h_t = o tanh(c_t).

// gates: the inputs' part, becomes i, f, g, o.
template <class T>
void lstm_forward(int64_t steps, int64_t rows, int64_t size, const T* weight, const T* before,
                  const T* c_before, T* gates, T* cells, T* states) {
  const Product<T> product(weight, size, 4 * size, true);
  const int64_t step = rows * size;
  for (int64_t t = 0; t < steps; ++t) {
    product(before, rows, gates);
    for (int64_t row = 0; row < rows; ++row, gates += 4 * size) {
      T *i = gates, *f = i + size, *g = f + size, *o = g + size;
      T *c = cells + row * size, *h = states + row * size;
      const T* last = c_before + row * size;
#pragma omp simd
      for (int64_t j = 0; j < size; ++j) {
        i[j] = sigmoid(i[j]);
        f[j] = sigmoid(f[j]);
        g[j] = tanh(g[j]);
        o[j] = sigmoid(o[j]);
        c[j] = f[j] * last[j] + i[j] * g[j];
        h[j] = o[j] * tanh(c[j]);
      }
    }
    before = states, c_before = cells, states += step, cells += step;
  }
}

// cells: (steps + 1, rows, hidden), the first one in front; grad and grad_c as above; slopes:
// becomes the gradient at the gates.
template <class T>
void lstm_backward(int64_t steps, int64_t rows, int64_t size, const T* weight, const T* cells,
                   const T* gates, T* grad, T* grad_c, T* slopes) {
  const Product<T> product(weight, 4 * size, size, false);
  for (int64_t t = steps; t-- > 0;) {
    for (int64_t row = t * rows; row < (t + 1) * rows; ++row) {
      const T *i = gates + row * 4 * size, *f = i + size, *g = f + size, *o = g + size;
      const T *last = cells + row * size, *c = last + rows * size;
      const T *dh = grad + (row + rows) * size, *dc_after = grad_c + (row + rows) * size;
      T *di = slopes + row * 4 * size, *df = di + size, *dg = df + size, *d_o = dg + size;
      T* dc_before = grad_c + row * size;
#pragma omp simd
      for (int64_t j = 0; j < size; ++j) {
        const T y = tanh(c[j]), dc = dc_after[j] + dh[j] * o[j] * (1 - y * y);
        di[j] = dc * g[j] * i[j] * (1 - i[j]);
        df[j] = dc * last[j] * f[j] * (1 - f[j]);
        dg[j] = dc * i[j] * (1 - g[j] * g[j]);
        d_o[j] = dh[j] * y * o[j] * (1 - o[j]);
        dc_before[j] += dc * f[j];
      }
    }
    product(slopes + t * rows * 4 * size, rows, grad + t * rows * size);
  }
}

}  // namespace

#define EXPORT(T, suffix)                                                                        \
  extern "C" void elman_forward_##suffix(int64_t t, int64_t b, int64_t h, const T* w,            \
                                         const T* h0, T* out) {                                  \
    elman_forward<T>(t, b, h, w, h0, out);                                                       \
  }                                                                                              \
  extern "C" void elman_backward_##suffix(int64_t t, int64_t b, int64_t h, const T* w,           \
                                          const T* out, T* grad, T* slopes) {                    \
    elman_backward<T>(t, b, h, w, out, grad, slopes);                                            \
  }                                                                                              \
  extern "C" void gru_forward_##suffix(int64_t t, int64_t b, int64_t h, const T* w, const T* h0, \
                                       T* gates, T* n, T* out) {                                 \
    gru_forward<T>(t, b, h, w, h0, gates, n, out);                                               \
  }                                                                                              \
  extern "C" void gru_backward_##suffix(int64_t t, int64_t b, int64_t h, const T* w,             \
                                        const T* out, const T* gates, const T* n, T* grad,       \
                                        T* slopes, T* slopes_n) {                                \
    gru_backward<T>(t, b, h, w, out, gates, n, grad, slopes, slopes_n);                          \
  }                                                                                              \
  extern "C" void lstm_forward_##suffix(int64_t t, int64_t b, int64_t h, const T* w,             \
                                        const T* h0, const T* c0, T* gates, T* c, T* out) {      \
    lstm_forward<T>(t, b, h, w, h0, c0, gates, c, out);                                          \
  }                                                                                              \
  extern "C" void lstm_backward_##suffix(int64_t t, int64_t b, int64_t h, const T* w,            \
                                         const T* c, const T* gates, T* grad, T* grad_c,         \
                                         T* slopes) {                                            \
    lstm_backward<T>(t, b, h, w, c, gates, grad, grad_c, slopes);                                \
  }

EXPORT(float, float32)
EXPORT(double, float64)
