/* Continues a text, in C: hello_c MODEL [TEXT] */
#include <nibble/nibble.h>
#include <stdio.h>
#include <string.h>

static int show(const char* text, size_t length, void* user) {
  return fwrite(text, 1, length, user) == length;
}

int main(int argc, char** argv) {
  const char* text = argc > 2 ? argv[2] : "Once upon a time";
  nibble_engine* engine = NULL;
  nibble_session* session = NULL;
  nibble_generation_options options;
  nibble_generation_options_init(&options);
  options.max_tokens = 40;
  options.temperature = 0;
  const int failed = argc < 2 || nibble_engine_open(argv[1], NULL, &engine) ||
                     nibble_session_open(engine, &session) ||
                     nibble_session_append_text(session, text, strlen(text)) ||
                     nibble_session_generate(session, &options, show, stdout, NULL);
  if (failed)
    fprintf(stderr, "%s\n", argc < 2 ? "usage: hello_c MODEL [TEXT]" : nibble_last_error());
  else
    putchar('\n');
  nibble_session_close(session);
  nibble_engine_close(engine);
  return failed;
}
