// Continues a text, in C++: hello MODEL [TEXT]
#include <nibble/nibble.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: hello MODEL [TEXT]\n";
    return 2;
  }
  const auto fail = [](const nibble::Error& error) {
    std::cerr << error.message << '\n';
    return 1;
  };
  auto engine = nibble::Engine::open(argv[1]);
  if (!engine) return fail(engine.error());
  auto session = nibble::Session::open(*engine);
  if (!session) return fail(session.error());
  if (auto appended = session->append(argc > 2 ? argv[2] : "Once upon a time"); !appended)
    return fail(appended.error());

  nibble::GenerationOptions options;
  options.max_tokens = 40;
  options.temperature = 0;
  auto answer = session->generate(options, [](std::string_view text) {
    std::cout << text << std::flush;
    return true;
  });
  if (!answer) return fail(answer.error());
  std::cout << '\n';
}
