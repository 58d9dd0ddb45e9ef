/* The network as plain C, float32: what a competent person writes who has one machine and one shape in mind.
 *
 * Convolution 3x3 -> max-pooling 2x2 -> dense -> softmax, one image a step; every pixel that equals its block's
 * maximum receives the whole gradient. Loops of fixed length, which the compiler turns into vector instructions; no
 * library, no threads.
 *
 *     gcc -O3 -march=native -ffast-math step.c -lm -o step
 *     step INPUT LOSSES
 *
 * As it stands, images and feature maps lie row by row. With -DBLOCK_ORDER they lie as convsweep lays them: a plane
 * for each of the four positions in a pooling block, so that the inner loops run over 169 floats and not over 26.
 *
 * INPUT holds, one after the other: int32 N; float32 learning rate, filters [F][3][3], weights [F * B][C] (rows in
 * (filter, row, column) order), biases [C]; uint8 images [N][28][28], labels [N]. LOSSES receives float32 [N], each
 * taken before the step on its image. Microseconds a step go to the standard output.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 28, MAP = 26, TAPS = 9, FILTERS = 8, CLASSES = 10, POOLED = 13, BLOCKS = POOLED * POOLED,
       INPUTS = FILTERS * BLOCKS };

static float learning_rate;
static float filters[FILTERS][TAPS];
static float weights[CLASSES][INPUTS];
static float biases[CLASSES];
static float features[INPUTS];
static float grad_features[INPUTS];

static inline float larger(float one, float other) { return one > other ? one : other; }

/* Return the loss; leave in grad_logits p_c - [c = label]. */
static float softmax_cross_entropy(int label, float grad_logits[CLASSES])
{
    float logits[CLASSES], highest = -INFINITY, sum = 0;
    for (int c = 0; c < CLASSES; c++) {
        float logit = biases[c];
        for (int i = 0; i < INPUTS; i++)
            logit += weights[c][i] * features[i];
        logits[c] = logit;
        highest = logit > highest ? logit : highest;
    }
    for (int c = 0; c < CLASSES; c++)
        sum += grad_logits[c] = expf(logits[c] - highest);
    for (int c = 0; c < CLASSES; c++)
        grad_logits[c] /= sum;
    grad_logits[label] -= 1;
    return logf(sum) - (logits[label] - highest);
}

/* One pass over the weights: the gradient towards the features, with the weights as they were, and the update. */
static void update_dense(const float grad_logits[CLASSES])
{
    memset(grad_features, 0, sizeof grad_features);
    for (int c = 0; c < CLASSES; c++) {
        float grad = grad_logits[c], descent = learning_rate * grad;
        for (int i = 0; i < INPUTS; i++) {
            grad_features[i] += weights[c][i] * grad;
            weights[c][i] -= descent * features[i];
        }
        biases[c] -= descent;
    }
}

#ifndef BLOCK_ORDER

static float pixels[SIDE][SIDE];
static float maps[FILTERS][MAP][MAP];
static float grad_maps[FILTERS][MAP][MAP];

static void gather(const uint8_t image[SIDE][SIDE])
{
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++)
            pixels[row][column] = image[row][column] / 255.0f - 0.5f;
}

static void convolve(void)
{
    for (int f = 0; f < FILTERS; f++)
        for (int row = 0; row < MAP; row++)
            for (int column = 0; column < MAP; column++) {
                float sum = 0;
                for (int x = 0; x < 3; x++)
                    for (int y = 0; y < 3; y++)
                        sum += filters[f][3 * x + y] * pixels[row + x][column + y];
                maps[f][row][column] = sum;
            }
}

static void pool(void)
{
    for (int f = 0; f < FILTERS; f++)
        for (int row = 0; row < POOLED; row++)
            for (int column = 0; column < POOLED; column++) {
                const float *upper = &maps[f][2 * row][2 * column], *lower = &maps[f][2 * row + 1][2 * column];
                float above = larger(upper[0], upper[1]), below = larger(lower[0], lower[1]);
                features[(f * POOLED + row) * POOLED + column] = larger(above, below);
            }
}

static void update_filters(void)
{
    for (int f = 0; f < FILTERS; f++) {
        for (int row = 0; row < MAP; row++)
            for (int column = 0; column < MAP; column++) {
                int i = (f * POOLED + row / 2) * POOLED + column / 2;
                grad_maps[f][row][column] = maps[f][row][column] == features[i] ? grad_features[i] : 0;
            }
        for (int x = 0; x < 3; x++)
            for (int y = 0; y < 3; y++) {
                float sum = 0;
                for (int row = 0; row < MAP; row++)
                    for (int column = 0; column < MAP; column++)
                        sum += grad_maps[f][row][column] * pixels[row + x][column + y];
                filters[f][3 * x + y] -= learning_rate * sum;
            }
    }
}

#else

static float patches[4][TAPS][BLOCKS]; /* position in the pooling block, tap, block */
static float maps[4][FILTERS][BLOCKS];

static void gather(const uint8_t image[SIDE][SIDE])
{
    static float pixels[SIDE][SIDE];
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++)
            pixels[row][column] = image[row][column] / 255.0f - 0.5f;
    for (int position = 0; position < 4; position++)
        for (int tap = 0; tap < TAPS; tap++) {
            int top = position / 2 + tap / 3, left = position % 2 + tap % 3;
            for (int row = 0; row < POOLED; row++)
                for (int column = 0; column < POOLED; column++)
                    patches[position][tap][row * POOLED + column] = pixels[top + 2 * row][left + 2 * column];
        }
}

static void convolve(void)
{
    for (int position = 0; position < 4; position++)
        for (int f = 0; f < FILTERS; f++)
            for (int b = 0; b < BLOCKS; b++) {
                float sum = 0;
                for (int tap = 0; tap < TAPS; tap++)
                    sum += filters[f][tap] * patches[position][tap][b];
                maps[position][f][b] = sum;
            }
}

static void pool(void)
{
    for (int f = 0; f < FILTERS; f++)
        for (int b = 0; b < BLOCKS; b++) {
            float above = larger(maps[0][f][b], maps[1][f][b]), below = larger(maps[2][f][b], maps[3][f][b]);
            features[f * BLOCKS + b] = larger(above, below);
        }
}

static void update_filters(void)
{
    for (int f = 0; f < FILTERS; f++) {
        float grad_filter[TAPS] = {0};
        for (int position = 0; position < 4; position++) {
            float grad_map[BLOCKS];
            for (int b = 0; b < BLOCKS; b++) {
                int i = f * BLOCKS + b;
                grad_map[b] = maps[position][f][b] == features[i] ? grad_features[i] : 0;
            }
            for (int tap = 0; tap < TAPS; tap++)
                for (int b = 0; b < BLOCKS; b++)
                    grad_filter[tap] += grad_map[b] * patches[position][tap][b];
        }
        for (int tap = 0; tap < TAPS; tap++)
            filters[f][tap] -= learning_rate * grad_filter[tap];
    }
}

#endif

static float step(const uint8_t image[SIDE][SIDE], int label)
{
    float grad_logits[CLASSES];
    gather(image);
    convolve();
    pool();
    float loss = softmax_cross_entropy(label, grad_logits);
    update_dense(grad_logits);
    update_filters();
    return loss;
}

static void take(void *values, size_t size, size_t count, FILE *input)
{
    if (fread(values, size, count, input) != count) {
        fputs("step: the input ends too early.\n", stderr);
        exit(1);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int count, char **arguments)
{
    FILE *input = count == 3 ? fopen(arguments[1], "rb") : NULL;
    FILE *output = input ? fopen(arguments[2], "wb") : NULL;
    if (!output) {
        fputs("usage: step INPUT LOSSES\n", stderr);
        return 1;
    }
    int32_t num_images;
    static float by_input[INPUTS][CLASSES];
    take(&num_images, sizeof num_images, 1, input);
    take(&learning_rate, sizeof learning_rate, 1, input);
    take(filters, sizeof filters, 1, input);
    take(by_input, sizeof by_input, 1, input);
    take(biases, sizeof biases, 1, input);
    for (int i = 0; i < INPUTS; i++)
        for (int c = 0; c < CLASSES; c++)
            weights[c][i] = by_input[i][c];
    uint8_t(*images)[SIDE][SIDE] = malloc((size_t)num_images * sizeof *images);
    uint8_t *labels = malloc(num_images);
    float *losses = malloc(num_images * sizeof *losses);
    take(images, sizeof *images, num_images, input);
    take(labels, 1, num_images, input);

    double begun = now();
    for (int i = 0; i < num_images; i++)
        losses[i] = step(images[i], labels[i]);
    printf("%.4f\n", (now() - begun) / num_images * 1e6);

    int written = (int)fwrite(losses, sizeof *losses, num_images, output) == num_images;
    return fclose(output) == 0 && written ? 0 : 1;
}
