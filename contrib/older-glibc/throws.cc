// Throws and catches, through frames with destructors, in the program and in the C++ library, on two threads.
#include <stdexcept>
#include <string>
#include <thread>

struct Counted {
  int *count;
  ~Counted() { ++*count; }
};

static void deep(int frames, int *count) {
  Counted counted{count};
  if (frames == 0) throw std::runtime_error("thrown");
  deep(frames - 1, count);
}

int main() {
  int count = 0, caught = 0;
  for (int i = 0; i < 3; i++) {
    try { deep(50, &count); } catch (const std::exception &) { caught++; }
  }
  std::thread([&] { try { deep(5, &count); } catch (...) { caught++; } }).join();
  try { (void)std::string().at(5); } catch (const std::out_of_range &) { caught++; }
  return count == 3 * 51 + 6 && caught == 5 ? 0 : 1;
}
