// Weights as floats: weights MODEL prints of each layer how large its values are, root mean square.
#include <nibble/weights.h>

#include <cmath>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: weights MODEL\n";
    return 2;
  }
  auto weights = nibble::Weights::open(argv[1]);
  if (!weights) {
    std::cerr << weights.error().message << '\n';
    return 1;
  }
  for (int layer = 0;; ++layer) {
    // While the values are summed, a background thread decodes the layer that comes next.
    auto tensors = weights->layer(layer);
    if (!tensors && tensors.error().status == NIBBLE_NOT_FOUND && layer > 0) break;
    if (!tensors) {
      std::cerr << tensors.error().message << '\n';
      return 1;
    }
    double sum = 0, values = 0;
    for (const nibble::Tensor& tensor : *tensors) {
      for (const float x : tensor.floats()) sum += double(x) * x;
      values += double(tensor.floats().size());
    }
    std::cout << "layer " << layer << ": " << tensors->size() << " tensors, " << std::sqrt(sum / values)
              << '\n';
  }
  std::cerr << weights->stats().warmed_used << " of " << weights->stats().hits + weights->stats().misses
            << " tensors were decoded ahead\n";
}
