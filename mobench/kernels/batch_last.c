/* Convolutions and max-pools for the layout "batch_last": [channels, height, width, images].

   A vector holds the same position of LANES images, so channel counts, kernels and images can have any size.
   Images are processed in blocks of BLOCK and are first copied to contiguous memory, because addresses that are
   `images` values apart share few cache sets. Positions are [channels, height, width] from here on. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define MOST 12 /* number of output channels whose sums stay in registers, two vectors of images each */
#define SIDE 5  /* the same for the gradient of a kernel: SIDE output channels by SIDE positions of its row */
#elif defined(__AVX__)
#define LANES 8
#define MOST 6
#define SIDE 3
#else
#define LANES 4
#define MOST 12
#define SIDE 5
#endif
#define BLOCK (2 * LANES)

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ints __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint8_t bytes __attribute__((vector_size(LANES), aligned(1), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16")

typedef struct {
  long images, channels, height, width, filters, kernel_height, kernel_width, pad_height, pad_width, groups;
} shape;

static long out_height(const shape *s) { return s->height + 2 * s->pad_height - s->kernel_height + 1; }
static long out_width(const shape *s) { return s->width + 2 * s->pad_width - s->kernel_width + 1; }

INLINE vec load(const float *at) { return *(const vec *)at; }
INLINE void store(float *at, vec value) { *(vec *)at = value; }

/* Return two work buffers of `first` and `second` floats; NULL if memory is short. Each thread keeps its buffers,
   because page faults of newly allocated memory would take a tenth of the time of a call. */
static float *room(long first, long second, float **rest) {
  static _Thread_local float *kept = NULL;
  static _Thread_local size_t size = 0;
  const size_t start = ((size_t)first + 15) / 16 * 16, needed = ((start + second) * sizeof(float) + 63) / 64 * 64;
  if (needed > size) {
    free(kept);
    kept = aligned_alloc(64, needed);
    size = kept ? needed : 0;
  }
  *rest = kept ? kept + start : NULL;
  return kept;
}

/* Copy n images of `channels` channels from [.., images] to [.., BLOCK], with a zero border; missing images are 0 */
static void gather(float *to, const float *from, long channels, long height, long width, long images, long n,
                   long border_height, long border_width) {
  if (n < BLOCK || border_height || border_width)
    memset(to, 0, (size_t)channels * (height + 2 * border_height) * (width + 2 * border_width) * BLOCK * sizeof(float));
  for (long c = 0; c < channels; c++)
    for (long h = 0; h < height; h++) {
      float *row = to + ((c * (height + 2 * border_height) + h + border_height) * (width + 2 * border_width) +
                         border_width) * BLOCK;
      const float *source = from + (c * height + h) * width * images;
      if (n >= BLOCK)
        for (long w = 0; w < width; w++) {
          store(row + w * BLOCK, load(source + w * images));
          store(row + w * BLOCK + LANES, load(source + w * images + LANES));
        }
      else
        for (long w = 0; w < width; w++) memcpy(row + w * BLOCK, source + w * images, n * sizeof(float));
    }
}

/* Compute T output channels at every position of a block of images; kernels [channels, kernel, T] */
INLINE void filter(const long T, const float *x, const float *kernels, const float *bias, float *y, const shape *s,
                   long channels, long n) {
  const long high = out_height(s), wide = out_width(s), apart = high * wide * s->images;
  for (long oh = 0; oh < high; oh++)
    for (long ow = 0; ow < wide; ow++) {
      const long top = oh - s->pad_height, left = ow - s->pad_width;
      const long k0 = top < 0 ? -top : 0, l0 = left < 0 ? -left : 0;
      const long k1 = top + s->kernel_height > s->height ? s->height - top : s->kernel_height;
      const long l1 = left + s->kernel_width > s->width ? s->width - left : s->kernel_width;
      vec a[MOST], b[MOST];
      UNROLLED for (long t = 0; t < T; t++) a[t] = b[t] = (vec){0} + (bias ? bias[t] : 0.0f);
      for (long c = 0; c < channels; c++)
        for (long k = k0; k < k1; k++) {
          const float *from = x + ((c * s->height + top + k) * s->width + left + l0) * BLOCK;
          const float *w = kernels + ((c * s->kernel_height + k) * s->kernel_width + l0) * T;
          for (long l = l0; l < l1; l++, from += BLOCK, w += T) {
            const vec first = load(from), second = load(from + LANES);
            UNROLLED for (long t = 0; t < T; t++) a[t] += first * w[t], b[t] += second * w[t];
          }
        }
      float *to = y + (oh * wide + ow) * s->images;
      if (n >= BLOCK) {
        UNROLLED for (long t = 0; t < T; t++) store(to + t * apart, a[t]), store(to + t * apart + LANES, b[t]);
      } else {
        UNROLLED for (long t = 0; t < T; t++) {
          float both[BLOCK];
          store(both, a[t]), store(both + LANES, b[t]);
          memcpy(to + t * apart, both, n * sizeof(float));
        }
      }
    }
}

static void filters(long T, const float *x, const float *kernels, const float *bias, float *y, const shape *s,
                    long channels, long n) {
#define OF(count) case count: filter(count, x, kernels, bias, y, s, channels, n); break;
  switch (T) {
    OF(1) OF(2) OF(3) OF(4) OF(5) OF(6)
#if MOST > 6
    OF(7) OF(8) OF(9) OF(10) OF(11) OF(12)
#endif
  }
#undef OF
}

/* Convolution of images `from`..`to` (`from` is a multiple of mobench_block()). Returns 0, or 1 if memory is short.

   x [channels, height, width, images], w [filters, channels / groups, kernel], bias [filters] or NULL, y as x.
   transposed: compute the input gradient of the convolution with kernels w [channels, filters / groups, kernel];
   the kernels are then rotated by 180 degrees. */
int mobench_convolution(const float *x, const float *w, const float *bias, float *y, const shape *s, int transposed,
                        long from, long to) {
  const long channels = s->channels / s->groups, n_filters = s->filters / s->groups;
  const long area = s->kernel_height * s->kernel_width, tiles = (n_filters + MOST - 1) / MOST;
  const long size = channels * area, most = (n_filters + tiles - 1) / tiles, picture = s->height * s->width;
  float *kernels, *together = room(channels * picture * BLOCK, s->filters * size, &kernels);
  if (!together) return 1;
  for (long g = 0; g < s->groups; g++)
    for (long o = 0; o < n_filters; o += most) {
      const long T = n_filters - o < most ? n_filters - o : most;
      for (long c = 0; c < channels; c++)
        for (long k = 0; k < area; k++)
          for (long t = 0; t < T; t++)
            kernels[(g * n_filters + o) * size + (c * area + k) * T + t] =
                transposed ? w[((g * channels + c) * n_filters + o + t) * area + area - 1 - k]
                           : w[((g * n_filters + o + t) * channels + c) * area + k];
    }
  for (long at = from; at < to; at += BLOCK) {
    const long n = to - at < BLOCK ? to - at : BLOCK;
    for (long g = 0; g < s->groups; g++) {
      gather(together, x + g * channels * picture * s->images + at, channels, s->height, s->width, s->images, n, 0, 0);
      for (long o = g * n_filters; o < (g + 1) * n_filters; o += most) {
        const long T = (g + 1) * n_filters - o < most ? (g + 1) * n_filters - o : most;
        filters(T, together, kernels + o * size, bias ? bias + o : NULL,
                y + o * out_height(s) * out_width(s) * s->images + at, s, channels, n);
      }
    }
  }
  return 0;
}

INLINE float total(vec value) {
  float sum = 0;
  for (int i = 0; i < LANES; i++) sum += value[i];
  return sum;
}

/* Gradient of A output channels by B positions of one kernel row, summed over a block of images; x has a border */
INLINE void products(const long A, const long B, const float *x, const float *g, float *w, long apart, const shape *s) {
  const long high = out_height(s), wide = out_width(s);
  vec sums[SIDE][SIDE];
  UNROLLED for (long a = 0; a < A; a++) UNROLLED for (long b = 0; b < B; b++) sums[a][b] = (vec){0};
  for (long h = 0; h < high; h++) {
    const float *row = x + h * (s->width + 2 * s->pad_width) * BLOCK, *of = g + h * wide * BLOCK;
    for (long j = 0; j < 2 * wide; j++, row += LANES, of += LANES) {
      vec values[SIDE];
      UNROLLED for (long b = 0; b < B; b++) values[b] = load(row + b * BLOCK);
      UNROLLED for (long a = 0; a < A; a++) {
        const vec gradient = load(of + a * high * wide * BLOCK);
        UNROLLED for (long b = 0; b < B; b++) sums[a][b] += gradient * values[b];
      }
    }
  }
  UNROLLED for (long a = 0; a < A; a++) UNROLLED for (long b = 0; b < B; b++) w[a * apart + b] += total(sums[a][b]);
}

static void any_products(long A, long B, const float *x, const float *g, float *w, long apart, const shape *s) {
#define OF(a, b) case a * 8 + b: products(a, b, x, g, w, apart, s); break;
  switch (A * 8 + B) {
    OF(1, 1) OF(1, 2) OF(1, 3) OF(2, 1) OF(2, 2) OF(2, 3) OF(3, 1) OF(3, 2) OF(3, 3)
#if SIDE > 3
    OF(1, 4) OF(1, 5) OF(2, 4) OF(2, 5) OF(3, 4) OF(3, 5) OF(4, 1) OF(4, 2) OF(4, 3) OF(4, 4) OF(4, 5)
    OF(5, 1) OF(5, 2) OF(5, 3) OF(5, 4) OF(5, 5)
#endif
  }
#undef OF
}

/* Gradient of the kernels from images `from`..`to`: w [blocks of all images, filters, channels / groups, kernel],
   of which only the blocks of these images are written. The caller sums over the blocks, so that the result does
   not depend on the number of threads. x and g [.., images] as above. Returns 0, or 1 if memory is short. */
int mobench_kernel_gradient(const float *x, const float *g, float *w, const shape *s, long from, long to) {
  const long channels = s->channels / s->groups, n_filters = s->filters / s->groups;
  const long high = out_height(s), wide = out_width(s), area = s->kernel_height * s->kernel_width;
  const long picture = s->height * s->width, row = s->width + 2 * s->pad_width;
  const long bordered = (s->height + 2 * s->pad_height) * row;
  float *gradients, *together = room(channels * bordered * BLOCK, n_filters * high * wide * BLOCK, &gradients);
  if (!together) return 1;
  for (long at = from; at < to; at += BLOCK) {
    const long n = to - at < BLOCK ? to - at : BLOCK;
    float *own = w + at / BLOCK * s->filters * channels * area;
    memset(own, 0, (size_t)s->filters * channels * area * sizeof(float));
    for (long group = 0; group < s->groups; group++) {
      gather(together, x + group * channels * picture * s->images + at, channels, s->height, s->width, s->images, n,
             s->pad_height, s->pad_width);
      gather(gradients, g + group * n_filters * high * wide * s->images + at, n_filters, high, wide, s->images, n, 0, 0);
      for (long c = 0; c < channels; c++)
        for (long o = 0; o < n_filters; o += SIDE)
          for (long k = 0; k < s->kernel_height; k++)
            for (long l = 0; l < s->kernel_width; l += SIDE)
              any_products(n_filters - o < SIDE ? n_filters - o : SIDE,
                           s->kernel_width - l < SIDE ? s->kernel_width - l : SIDE,
                           together + (c * bordered + k * row + l) * BLOCK, gradients + o * high * wide * BLOCK,
                           own + ((group * n_filters + o) * channels + c) * area + k * s->kernel_width + l,
                           channels * area, s);
    }
  }
  return 0;
}

INLINE void maxima(const long size, const float *x, float *y, uint8_t *places, long height, long width, long images,
                   long from, long to) {
  const long high = height / size, wide = width / size;
  for (long c = from; c < to; c++)
    for (long h = 0; h < high; h++)
      for (long w = 0; w < wide; w++) {
        const float *window = x + ((c * height + h * size) * width + w * size) * images;
        const long at = ((c * high + h) * wide + w) * images;
        long n = 0;
        for (; n + LANES <= images; n += LANES) {
          vec most = load(window + n);
          ints place = {0};
          UNROLLED for (long k = 1; k < size * size; k++) {
            const vec value = load(window + (k / size * width + k % size) * images + n);
            const ints larger = (value > most) | (value != value);
            most = (vec)((larger & (ints)value) | (~larger & (ints)most));
            place = (larger & (int32_t)k) | (~larger & place);
          }
          store(y + at + n, most);
          if (places) *(bytes *)(places + at + n) = __builtin_convertvector(place, bytes);
        }
        for (; n < images; n++) {
          float most = window[n];
          long place = 0;
          for (long k = 1; k < size * size; k++) {
            const float value = window[(k / size * width + k % size) * images + n];
            if (value > most || value != value) most = value, place = k;
          }
          y[at + n] = most;
          if (places) places[at + n] = (uint8_t)place;
        }
      }
}

/* Maxima over adjacent windows of size × size (2 to 4), and the position, in row order, of the first maximum in each
   window (`places` NULL: not computed). NaN counts as the maximum; of several NaNs the last one is used.
   x [channels, height, width, images]; channels `from`..`to`. */
void mobench_pool(const float *x, float *y, uint8_t *places, long height, long width, long images, long size, long from,
                  long to) {
#define OF(count) case count: maxima(count, x, y, places, height, width, images, from, to); break;
  switch (size) { OF(2) OF(3) OF(4) }
#undef OF
}

/* Gradient of a max-pool's input: the output's gradient at the position of the maximum, zero elsewhere. */
void mobench_pool_gradient(const float *g, const uint8_t *places, float *x, long height, long width, long images,
                           long size, long from, long to) {
  const long high = height / size, wide = width / size;
  for (long c = from; c < to; c++)
    for (long h = 0; h < height; h++)
      for (long w = 0; w < width; w++) {
        float *to_image = x + ((c * height + h) * width + w) * images;
        if (h >= high * size || w >= wide * size) {
          memset(to_image, 0, images * sizeof(float));
          continue;
        }
        const long at = ((c * high + h / size) * wide + w / size) * images, own = h % size * size + w % size;
        long n = 0;
        for (; n + LANES <= images; n += LANES) {
          const ints here = __builtin_convertvector(*(const bytes *)(places + at + n), ints) == (int32_t)own;
          store(to_image + n, (vec)(here & (ints)load(g + at + n)));
        }
        for (; n < images; n++) to_image[n] = places[at + n] == own ? g[at + n] : 0;
      }
}

/* Number of images that are processed at a time. */
long mobench_block(void) { return BLOCK; }
