// The least that a server can do on io_uring: one multishot accept, one multishot receive a connection into a
// shared ring of buffers, and the octets sent back from the buffer that they lie in. Each turn is one system
// call, which submits the sends and waits.
#include <array>
#include <cstdint>
#include <vector>

#include <liburing.h>
#include <sys/mman.h>

#include "../baseline/tcp_server.hpp"

namespace {

constexpr unsigned kBuffers = 256;
constexpr unsigned kBufferSize = 16 * 1024;
constexpr std::uint64_t kAccept = ~std::uint64_t{0};
constexpr std::uint64_t kSend = kAccept - 1;

io_uring ring;
io_uring_buf_ring* buffer_ring;
std::vector<char> buffers(std::size_t{kBuffers} * kBufferSize);

char* buffer(unsigned number) { return buffers.data() + std::size_t{number} * kBufferSize; }

void check(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(-status));
  std::exit(1);
}

io_uring_sqe* entry(std::uint64_t data) {
  io_uring_sqe* e = io_uring_get_sqe(&ring);
  if (!e) {
    io_uring_submit(&ring);
    e = io_uring_get_sqe(&ring);
  }
  e->user_data = data;
  return e;
}

void give_back(unsigned number) {
  io_uring_buf_ring_add(buffer_ring, buffer(number), kBufferSize, static_cast<unsigned short>(number),
                        kBuffers - 1, 0);
  io_uring_buf_ring_advance(buffer_ring, 1);
}

void set_up() {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  parameters.cq_entries = 4096;
  check(io_uring_queue_init_params(1024, &ring, &parameters), "io_uring_setup");
  check(io_uring_register_ring_fd(&ring), "io_uring_register_ring_fd");
  const std::size_t size = kBuffers * sizeof(io_uring_buf);
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) check(-errno, "mmap");
  buffer_ring = static_cast<io_uring_buf_ring*>(memory);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = kBuffers;
  check(io_uring_register_buf_ring(&ring, &registration, 0), "io_uring_register_buf_ring");
  io_uring_buf_ring_init(buffer_ring);
  for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
}

void accept_from(int listener) {
  io_uring_sqe* const e = entry(kAccept);
  io_uring_prep_multishot_accept(e, listener, nullptr, nullptr, SOCK_CLOEXEC);
  e->user_data = kAccept;
}

void receive_from(int fd) {
  io_uring_sqe* const e = entry(0);
  io_uring_prep_recv_multishot(e, fd, nullptr, 0, 0);
  e->flags |= IOSQE_BUFFER_SELECT;
  e->user_data = static_cast<std::uint64_t>(fd);
}

void accepted(int fd) {
  if (fd < 0) return;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  receive_from(fd);
}

/// A send that writes all at once needs no completion. A peer that does not read loses octets here, and the
/// load generator says so.
void send_back(int fd, const char* data, std::size_t size) {
  io_uring_sqe* const e = entry(kSend);
  io_uring_prep_send(e, fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
  e->flags |= IOSQE_CQE_SKIP_SUCCESS;
  e->user_data = kSend;
}

}  // namespace

int main(int argc, char** argv) {
  const int port = baseline::port_of(argc, argv);
  set_up();
  const int listener = baseline::listening_socket(port, 0);
  accept_from(listener);
  std::vector<unsigned> used;
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    for (const unsigned number : used) give_back(number);  // their octets are sent
    used.clear();
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* c = nullptr;
    io_uring_for_each_cqe(&ring, head, c) {
      ++count;
      if (c->user_data == kSend) continue;
      if (c->user_data == kAccept) {
        accepted(c->res);
        if (!(c->flags & IORING_CQE_F_MORE)) accept_from(listener);
        continue;
      }
      const int fd = static_cast<int>(c->user_data);
      if (c->flags & IORING_CQE_F_BUFFER) {
        const unsigned number = c->flags >> IORING_CQE_BUFFER_SHIFT;
        if (c->res > 0) send_back(fd, buffer(number), static_cast<std::size_t>(c->res));
        used.push_back(number);
      }
      if (c->flags & IORING_CQE_F_MORE) continue;
      if (c->res > 0 || c->res == -ENOBUFS) {
        receive_from(fd);
      } else {
        close(fd);
      }
    }
    io_uring_cq_advance(&ring, count);
  }
}
