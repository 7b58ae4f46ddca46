// Runs the built program as a person would, with its streams in hand.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble {

struct Finished {
  int code = -1;  // 128 + n when signal n ended it
  std::string out, err;
};

class Subprocess {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  // `file_bytes`: the largest file it may write.
  explicit Subprocess(const std::vector<std::string>& words, const Environment& environment = {},
                      rlim_t file_bytes = RLIM_INFINITY) {
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) std::abort();
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(err[1], 2);
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      const rlimit limit{file_bytes, file_bytes};
      if (file_bytes != RLIM_INFINITY) setrlimit(RLIMIT_FSIZE, &limit);
      std::vector<char*> arguments;
      std::string program = NIBBLE_PROGRAM;
      arguments.push_back(program.data());
      for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execv(program.c_str(), arguments.data());
      _exit(127);
    }
    for (int descriptor : {in[0], out[1], err[1]}) close(descriptor);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
    signal(SIGPIPE, SIG_IGN);
  }
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;
  ~Subprocess() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      wait();
    }
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(in_, text.data(), text.size());
      if (written <= 0) return;
      text.remove_prefix(size_t(written));
    }
  }
  void close_input() {
    if (in_ >= 0) close(std::exchange(in_, -1));
  }
  void close_output() {
    if (out_ >= 0) close(std::exchange(out_, -1));
  }
  void interrupt() { kill(child_, SIGINT); }
  void end_at_once() { kill(child_, SIGKILL); }

  // Reads until stdout has given that much, or stderr that text; false at the end of both or after a minute.
  bool wait_for_output(size_t bytes) {
    return wait_until([&] { return result_.out.size() >= bytes; });
  }
  bool wait_for_error(std::string_view text) {
    return wait_until([&] { return result_.err.find(text) != std::string::npos; });
  }

  Finished finish() {
    close_input();
    while (read_some()) {
    }
    wait();
    return result_;
  }

 private:
  template <class Condition>
  bool wait_until(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition())
      if (std::chrono::steady_clock::now() > end || !read_some()) return false;
    return true;
  }
  bool read_some() {
    pollfd streams[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
    if (out_ < 0 && err_ < 0) return false;
    if (poll(streams, 2, 60000) <= 0) return false;
    char chunk[65536];
    for (int i = 0; i < 2; ++i) {
      if (!(streams[i].revents & (POLLIN | POLLHUP))) continue;
      const ssize_t count = ::read(streams[i].fd, chunk, sizeof chunk);
      if (count > 0)
        (i == 0 ? result_.out : result_.err).append(chunk, size_t(count));
      else
        close(std::exchange(i == 0 ? out_ : err_, -1));
    }
    return true;
  }
  void wait() {
    int status = 0;
    waitpid(std::exchange(child_, -1), &status, 0);
    result_.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    for (int* descriptor : {&in_, &out_, &err_})
      if (*descriptor >= 0) close(std::exchange(*descriptor, -1));
  }
  pid_t child_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  Finished result_;
};

inline Finished run_nibble(const std::vector<std::string>& words, std::string_view input = "",
                           const Subprocess::Environment& environment = {}) {
  Subprocess process(words, environment);
  process.write(input);
  return process.finish();
}

}  // namespace nibble
