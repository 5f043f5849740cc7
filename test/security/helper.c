// What hostile probes need and a shell does not have: one system call each. `helper NAME ARGUMENTS` exits with 0 when
// the attempt has worked, with 77 when this kernel does not have what it is about, and else with 1. Nothing here does
// harm where it works: files are opened and not written, processes are small and end by themselves.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MIB (1024L * 1024L)

static int queues[65536], queues_made;

static int end(int worked) {
  if (worked) return 0;
  switch (errno) {
    case ENOSYS:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ENODEV:
    case EOPNOTSUPP:
      return 77;
    default:
      return 1;
  }
}

static int copy(int from) {
  char buffer[4096];
  long got, all = 0;
  while (all < 65536 && (got = read(from, buffer, sizeof buffer)) > 0) {
    all += got;
    if (write(1, buffer, got) < 0) return 1;
  }
  return all > 0 ? 0 : 1;
}

static int opened(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC);
  return fd < 0 && errno == ENOENT ? 77 : end(fd >= 0);
}

// What is masked by /dev/null can be opened.
static int read_one(const char *path) {
  char byte;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 && errno == ENOENT ? 77 : end(fd >= 0 && read(fd, &byte, 1) == 1);
}

// Namespaces and escapes

static int cloned(unsigned long flags) {
  long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return end(pid > 0);
}

static int cloned3(unsigned long flags) {
  unsigned long long arguments[8] = {flags, 0, 0, 0, SIGCHLD};
  long pid = syscall(SYS_clone3, arguments, sizeof arguments);
  if (pid == 0) _exit(0);
  return end(pid > 0);
}

static int joined(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return end(fd >= 0 && setns(fd, 0) == 0);
}

// The classic: a root within the root, and a directory outside of it that is still open.
static int out_of_chroot(const char *directory, const char *path) {
  int out = open(".", O_RDONLY | O_DIRECTORY);
  mkdir(directory, 0755);
  if (chroot(directory) < 0 || fchdir(out) < 0) return end(0);
  for (int i = 0; i < 64; i++)
    if (chdir("..") < 0) break;
  if (chroot(".") < 0) return end(0);
  int fd = open(path, O_RDONLY);
  return fd < 0 ? 1 : copy(fd);
}

// The root of a file system that a piece of is mounted here, by its number (inode 2 of ext4): what is mounted is no wall.
static int by_handle(const char *mounted, const char *path) {
  struct { struct file_handle head; unsigned int inode, generation; } root = {{8, 1}, 2, 0};
  int mount = open(mounted, O_RDONLY);
  int top = open_by_handle_at(mount, &root.head, O_RDONLY);
  int fd = top < 0 ? -1 : openat(top, path + 1, O_RDONLY);
  return fd < 0 ? end(0) : copy(fd);
}

// Mounts and devices

static int mounted_by_new_calls(void) {
  int fd = syscall(SYS_fsopen, "tmpfs", 0);
  if (fd < 0 || syscall(SYS_fsconfig, fd, 6, 0, 0, 0) < 0) return end(0);
  return end(syscall(SYS_fsmount, fd, 0, 0) >= 0);
}

static int node(const char *path, int kind, int major, int minor) {
  char byte = 1;
  unlink(path);
  if (mknod(path, kind | 0600, makedev(major, minor)) < 0) return end(0);
  int fd = open(path, O_RDONLY);
  int worked = fd >= 0 && read(fd, &byte, 1) == 1;
  unlink(path);
  return end(worked);
}

// Sockets

static int socketed(int family, int type, int protocol) { return end(socket(family, type, protocol) >= 0); }

static int connected_unix(const char *name, int is_abstract) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + is_abstract, name, sizeof to.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name) + !is_abstract;
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, length) < 0) return end(0);
  return copy(fd);
}

static int listening(int fd, struct sockaddr *at, socklen_t length, const char *text) {
  int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, at, length) < 0 || listen(fd, 8) < 0) return end(0);
  if (fork() > 0) return 0;
  setsid();
  for (int i = 0; i < 3; i++) close(i);
  alarm(20);
  for (;;) {
    int peer = accept(fd, NULL, NULL);
    if (peer < 0) _exit(0);
    dprintf(peer, "%s", text);
    close(peer);
  }
}

static int listening_abstract(const char *name, const char *text) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  strncpy(at.sun_path + 1, name, sizeof at.sun_path - 2);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
  return listening(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at, length, text);
}

static int listening_port(int port, const char *text) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return listening(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at, text);
}

// Gives the loopback interface of a network of its own the addresses of metadata services, and answers there.
static int serving_metadata(const char *text) {
  const char *addresses[] = {"127.0.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200"};
  struct ifreq request = {0};
  int control = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < 4; i++) {
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    snprintf(request.ifr_name, IFNAMSIZ, i == 0 ? "lo" : "lo:%d", i);
    address->sin_family = AF_INET;
    inet_pton(AF_INET, addresses[i], &address->sin_addr);
    if (ioctl(control, SIOCSIFADDR, &request) < 0) return end(0);
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0) return end(0);
  }
  struct { struct in6_addr address; unsigned int prefix; int index; } six = {.prefix = 128, .index = 1};
  inet_pton(AF_INET6, "fd00:ec2::254", &six.address);
  int control6 = socket(AF_INET6, SOCK_DGRAM, 0);
  if (control6 >= 0) ioctl(control6, SIOCSIFADDR, &six);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(80)};
  if (control6 < 0) return listening(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&any, sizeof any, text);
  struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
  return listening(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&any6, sizeof any6, text);
}

static int readdressed(void) {
  struct ifreq request = {0};
  struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
  strcpy(request.ifr_name, "lo:9");
  address->sin_family = AF_INET;
  inet_pton(AF_INET, "169.254.7.7", &address->sin_addr);
  return end(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFADDR, &request) == 0);
}

static int tunnelled(void) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR);
  return end(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0);
}

// Bombs: each exits with 0 once it has had what it wanted, all at the same time.

static int forked(int wanted) {
  int got = 0;
  for (; got < wanted; got++) {
    pid_t pid = fork();
    if (pid < 0) break;
    if (pid == 0) {
      for (int i = 0; i < 3; i++) close(i);
      alarm(5);
      pause();
      _exit(0);
    }
  }
  usleep(200000);
  return end(got == wanted);
}

static void *idle(void *unused) {
  sleep(3);
  return unused;
}

static int threaded(int wanted) {
  pthread_attr_t small;
  pthread_t thread;
  int got = 0;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 32768);
  while (got < wanted && pthread_create(&thread, &small, idle, NULL) == 0) got++;
  usleep(200000);
  return end(got == wanted);
}

static int hold(char *memory, long bytes) {
  if (memory == MAP_FAILED) return end(0);
  for (long at = 0; at < bytes; at += 4096) memory[at] = 1;
  usleep(1500000);
  return 0;
}

static int grown(long bytes) {
  return hold(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
}

static int grown_together(int processes, long bytes, int (*one)(long)) {
  int failed = 0, status;
  for (int i = 0; i < processes; i++) {
    pid_t pid = fork();
    if (pid < 0) return end(0);
    if (pid == 0) _exit(one(bytes));
  }
  while (wait(&status) > 0) failed |= status;
  return failed != 0;
}

static int grown_in_file(long bytes) {
  int fd = memfd_create("x", 0);
  if (fd < 0 || ftruncate(fd, bytes) < 0) return end(0);
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (hold(memory, bytes) != 0) return 1;
  munmap(memory, bytes);
  // Belongs to nobody now, and is still there.
  usleep(200000);
  return 0;
}

static int grown_in_segment(long bytes) {
  int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  if (id < 0) return end(0);
  char *memory = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  return memory == (void *)-1 ? end(0) : hold(memory, bytes);
}

// Bytes in pipes and sockets are the kernel's, and no process's.
static int filled(int is_socket, long bytes) {
  static char zeros[65536];
  long all = 0;
  while (all < bytes) {
    int ends[2];
    if ((is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) < 0) return end(0);
    for (int side = is_socket ? 0 : 1; side < 2; side++) {
      fcntl(ends[side], F_SETFL, O_NONBLOCK);
      if (!is_socket) fcntl(ends[side], F_SETPIPE_SZ, MIB);
      long got;
      while ((got = write(ends[side], zeros, sizeof zeros)) > 0) all += got;
    }
  }
  usleep(1500000);
  return 0;
}

static int filled_sockets(long bytes) { return filled(1, bytes); }
static int filled_pipes(long bytes) { return filled(0, bytes); }

static int filled_loopback(long bytes) {
  static char zeros[65536];
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&at, length) < 0 || listen(listener, 4096) < 0) return end(0);
  getsockname(listener, (struct sockaddr *)&at, &length);
  long all = 0;
  while (all < bytes) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, length) < 0) return end(0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    long got;
    for (int tries = 0; tries < 20; tries++) {
      while ((got = write(fd, zeros, sizeof zeros)) > 0) all += got;
      usleep(500);
    }
  }
  usleep(1500000);
  return 0;
}

// Other memory of the kernel: messages and semaphores of System V.
static int filled_messages(long bytes) {
  static struct { long kind; char text[8000]; } message = {1, {0}};
  for (long all = 0; all < bytes;) {
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (queue < 0) return end(0);
    while (msgsnd(queue, &message, sizeof message.text, IPC_NOWAIT) == 0) all += sizeof message.text;
    queues[queues_made++ % 65536] = queue;
  }
  for (int i = 0; i < queues_made; i++) msgctl(queues[i], IPC_RMID, NULL);
  return 0;
}

static int filled_semaphores(long bytes) {
  int worked = 1;
  // Each semaphore is a structure of 128 bytes.
  for (long all = 0; worked && all < bytes; all += 128L * 32000) {
    int set = semget(IPC_PRIVATE, 32000, IPC_CREAT | 0600);
    if (set < 0) worked = 0;
    else queues[queues_made++] = set;
  }
  int because = errno;
  for (int i = 0; i < queues_made; i++) semctl(queues[i], 0, IPC_RMID);
  errno = because;
  return end(worked);
}

// Tables of pages: one of 4 KiB for every two megabytes of which one byte was read. The pages themselves are all the same
// page of zeros, which is nobody's.
static int filled_tables(long bytes) {
  long span = 2 * MIB, size = bytes / 4096 * span;
  char *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return end(0);
  madvise(memory, size, MADV_NOHUGEPAGE);
  volatile char seen = 0;
  for (long at = 0; at < size; at += span) seen += memory[at];
  usleep(1500000);
  return 0;
}

// Access lists: 64 KiB for each file, of which no file system of memory keeps account.
static int filled_lists(long bytes) {
  static struct { unsigned int version; struct { unsigned short tag, rights; unsigned int id; } entries[8000]; } list;
  int count = sizeof list.entries / sizeof list.entries[0];
  list.version = 2;
  for (int i = 0; i < count; i++) {
    list.entries[i].tag = 2;
    list.entries[i].rights = 4;
    list.entries[i].id = getuid();
  }
  unsigned short tags[] = {4, 16, 32};
  list.entries[0].tag = 1;
  list.entries[0].id = -1;
  for (int i = 0; i < 3; i++) {
    list.entries[count - 3 + i].tag = tags[i];
    list.entries[count - 3 + i].id = -1;
  }
  char name[64];
  long made = 0;
  int worked = 1;
  // Where there is a file system of memory, in a sandbox and outside.
  for (long all = 0; worked && all < bytes; all += 65536, made++) {
    snprintf(name, sizeof name, "/dev/shm/hindcast-list%d-%ld", getpid(), made);
    int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    worked = fd >= 0 && fsetxattr(fd, "system.posix_acl_access", &list, sizeof list, 0) == 0;
  }
  int because = errno;
  for (; made >= 0; made--) {
    snprintf(name, sizeof name, "/dev/shm/hindcast-list%d-%ld", getpid(), made);
    unlink(name);
  }
  errno = because;
  return end(worked);
}

// A file of /proc keeps a page once a part of it was read.
static int filled_files(long bytes) {
  char byte;
  for (long all = 0; all < bytes; all += 5120) {
    int fd = open("/proc/self/status", O_RDONLY);
    if (fd < 0 || read(fd, &byte, 1) != 1) return end(0);
  }
  usleep(1500000);
  return 0;
}

// What the kernel keeps of each pair of an epoll and a file that it waits for.
static int filled_epolls(long bytes) {
  int ends[2], files[256], count = sizeof files / sizeof files[0];
  struct epoll_event event = {.events = EPOLLIN};
  if (pipe(ends) < 0) return end(0);
  for (int i = 0; i < count; i++) files[i] = dup(ends[0]);
  for (long all = 0; all < bytes;) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return end(0);
    for (int i = 0; i < count; i++, all += 192)
      if (epoll_ctl(epoll, EPOLL_CTL_ADD, files[i], &event) < 0) return end(0);
  }
  usleep(1500000);
  return 0;
}

static int watched_out(int wanted, int seconds) {
  int got = 0;
  while (got < wanted && inotify_init1(IN_CLOEXEC) >= 0) got++;
  if (seconds > 0) {
    puts("ready");
    fflush(stdout);
    sleep(seconds);
  }
  return end(got == wanted);
}

static int spliced(void) {
  int ends[2];
  static char page[4096];
  struct iovec piece = {page, 1};
  return end(pipe(ends) == 0 && vmsplice(ends[1], &piece, 1, 0) == 1);
}

static int queue_of_requests(void) {
  unsigned long context = 0;
  return end(syscall(SYS_io_setup, 64, &context) == 0);
}

static int created(int wanted, const char *directory) {
  char name[64];
  if (mkdir(directory, 0755) < 0 || chdir(directory) < 0) return end(0);
  for (int i = 0; i < wanted; i++) {
    snprintf(name, sizeof name, "f%d", i);
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    if (fd < 0) return end(0);
    close(fd);
  }
  return 0;
}

// Privileges

static int set_user_binary(const char *path) {
  int status;
  char file[64], line[256];
  int worked = 0, ends[2];
  if (pipe(ends) < 0) return end(0);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[0], 0);
    int nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, 1);
    dup2(nothing, 2);
    alarm(5);
    execl(path, path, (char *)NULL);
    _exit(1);
  }
  snprintf(file, sizeof file, "/proc/%d/status", pid);
  // It waits for its input (a password), and shows as whom.
  for (int tries = 0; tries < 400 && !worked; tries++) {
    usleep(1000);
    FILE *stream = fopen(file, "r");
    int real, effective;
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL)
      if (sscanf(line, "Uid: %d %d", &real, &effective) == 2 && real != 0 && effective == 0) worked = 1;
    if (stream != NULL) fclose(stream);
    if (waitpid(pid, &status, WNOHANG) == pid) return worked ? 0 : 1;
  }
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return worked ? 0 : 1;
}

static int traced(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) return end(0);
  ptrace(PTRACE_DETACH, pid, 0, 0);
  return 0;
}

static int read_memory(pid_t pid, unsigned long address, size_t length) {
  char *buffer = calloc(1, length + 1);
  struct iovec here = {buffer, length}, there = {(void *)address, length};
  if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 0) return end(0);
  printf("%s\n", buffer);
  return 0;
}

static int stolen_descriptor(pid_t pid, int number) {
  int process = syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) return end(0);
  int fd = syscall(SYS_pidfd_getfd, process, number, 0);
  if (fd < 0) return end(0);
  lseek(fd, 0, SEEK_SET);
  return copy(fd);
}

static int all_capabilities(void) {
  struct { unsigned int version; int pid; } header = {0x20080522, 0};
  struct { unsigned int effective, permitted, inheritable; } data[2];
  if (syscall(SYS_capget, &header, data) < 0) return end(0);
  // Of what root of a machine has, and root of a sandbox must not: modules, raw input and output, time, and the rest.
  unsigned int wanted = (1u << 16) | (1u << 17) | (1u << 21) | (1u << 25);
  return (data[0].effective & wanted) == wanted ? 0 : 1;
}

// A process whose memory, descriptor and environment others would like to have. Prints its id and the address.
static int victim(const char *secret, const char *path) {
  char *memory = strdup(secret);
  int fd = open(path, O_RDONLY);
  printf("%d %lu %d\n", getpid(), (unsigned long)memory, fd);
  fflush(stdout);
  sleep(120);
  return 0;
}

// The kernel's other ways in

static int ring(void) {
  struct io_uring_params parameters = {0};
  return end(syscall(SYS_io_uring_setup, 4, &parameters) >= 0);
}

static int bpf_map(void) {
  struct { unsigned int type, key, value, entries; char rest[112]; } map = {2, 4, 4, 1, {0}};
  return end(syscall(SYS_bpf, 0, &map, sizeof map) >= 0);
}

static int perf(void) {
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_CPU_CLOCK};
  return end(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0);
}

static int typed_into_terminal(void) {
  setsid();
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) return end(0);
  int slave = open(ptsname(master), O_RDWR);
  return end(slave >= 0 && ioctl(slave, TIOCSCTTY, 0) == 0 && ioctl(slave, TIOCSTI, "x") == 0);
}

static int put_key(const char *name, const char *value) {
  return end(syscall(SYS_add_key, "user", name, value, strlen(value), KEY_SPEC_USER_KEYRING) > 0);
}

static int got_key(const char *name, int drop) {
  char value[256] = {0};
  long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name, 0);
  if (key < 0) return end(0);
  if (drop) return end(syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING) == 0);
  if (syscall(SYS_keyctl, KEYCTL_READ, key, value, sizeof value - 1) < 0) return end(0);
  printf("%s\n", value);
  return 0;
}

static int put_segment(int key, const char *text, int drop) {
  int id = shmget(key, 4096, drop ? 0600 : IPC_CREAT | 0600);
  if (id < 0) return end(0);
  if (drop) return end(shmctl(id, IPC_RMID, NULL) == 0);
  char *memory = shmat(id, NULL, 0);
  if (memory == (void *)-1) return end(0);
  strcpy(memory, text);
  return 0;
}

static int got_segment(int key) {
  int id = shmget(key, 0, 0);
  char *memory = id < 0 ? (void *)-1 : shmat(id, NULL, SHM_RDONLY);
  if (memory == (void *)-1) return end(0);
  printf("%s\n", memory);
  return 0;
}

static int real_time(void) {
  struct sched_param parameter = {.sched_priority = 1};
  int worked = sched_setscheduler(0, SCHED_FIFO, &parameter) == 0;
  return end(worked);
}

// Slows another process down as far as it goes, one way after the other, and says whether any of them worked.
static int slowed(pid_t pid) {
  struct sched_param parameter = {0};
  unsigned long first = 1;
  int worked = sched_setscheduler(pid, SCHED_IDLE, &parameter) == 0;
  worked |= setpriority(PRIO_PROCESS, pid, 19) == 0;
  worked |= syscall(SYS_sched_setaffinity, pid, sizeof first, &first) == 0;
  worked |= syscall(SYS_ioprio_set, 1, pid, 3 << 13) == 0;
  return end(worked);
}

static int favoured(void) { return end(setpriority(PRIO_PROCESS, 0, -10) == 0); }

int main(int count, char **words) {
  const char *what = count > 1 ? words[1] : "";
  const char *one = count > 2 ? words[2] : "", *two = count > 3 ? words[3] : "", *three = count > 4 ? words[4] : "";
#define ON(name) else if (strcmp(what, name) == 0) return
  if (count < 2) return 2;
  ON("unshare") end(unshare(strtoul(one, NULL, 0)) == 0);
  ON("clone") cloned(strtoul(one, NULL, 0));
  ON("clone3") cloned3(strtoul(one, NULL, 0));
  ON("setns") joined(one);
  ON("chroot") out_of_chroot(one, two);
  ON("handle") by_handle(one, two);
  ON("open-read") opened(one, O_RDONLY);
  ON("read") read_one(one);
  ON("open-write") opened(one, O_WRONLY);
  ON("mount") end(mount("none", one, two, 0, NULL) == 0);
  ON("bind") end(mount(one, two, NULL, MS_BIND, NULL) == 0);
  ON("remount") end(mount(NULL, one, NULL, MS_REMOUNT | MS_BIND, NULL) == 0);
  ON("umount") end(umount2(one, MNT_DETACH) == 0);
  ON("fsmount") mounted_by_new_calls();
  ON("pivot") end(syscall(SYS_pivot_root, one, two) == 0);
  ON("char") node(one, S_IFCHR, atoi(two), atoi(three));
  ON("block") node(one, S_IFBLK, atoi(two), atoi(three));
  ON("socket") socketed(atoi(one), atoi(two), atoi(three));
  ON("unix") connected_unix(one, 0);
  ON("abstract") connected_unix(one, 1);
  ON("abstract-listen") listening_abstract(one, two);
  ON("listen") listening_port(atoi(one), two);
  ON("metadata") serving_metadata(one);
  ON("readdress") readdressed();
  ON("tun") tunnelled();
  ON("fork") forked(atoi(one));
  ON("threads") threaded(atoi(one));
  ON("memory") grown(atol(one) * MIB);
  ON("memory-together") grown_together(atoi(one), atol(two) * MIB, grown);
  ON("memfd") grown_in_file(atol(one) * MIB);
  ON("segment") grown_in_segment(atol(one) * MIB);
  ON("sockets") filled_sockets(atol(one) * MIB);
  ON("pipes-together") grown_together(atoi(one), atol(two) * MIB, filled_pipes);
  ON("loopback") filled_loopback(atol(one) * MIB);
  ON("messages") filled_messages(atol(one) * MIB);
  ON("semaphores") filled_semaphores(atol(one) * MIB);
  ON("tables") filled_tables(atol(one) * MIB);
  ON("lists") filled_lists(atol(one) * MIB);
  ON("files-together") grown_together(atoi(one), atol(two) * MIB, filled_files);
  ON("epolls-together") grown_together(atoi(one), atol(two) * MIB, filled_epolls);
  ON("watches") watched_out(atoi(one), atoi(two));
  ON("splice") spliced();
  ON("requests") queue_of_requests();
  ON("files") created(atoi(one), two);
  ON("setuid") end(setuid(0) == 0 && setgid(0) == 0 && geteuid() == 0);
  ON("setuid-binary") set_user_binary(one);
  ON("capabilities") all_capabilities();
  ON("trace") traced(atoi(one));
  ON("read-memory") read_memory(atoi(one), strtoul(two, NULL, 0), strtoul(three, NULL, 0));
  ON("steal") stolen_descriptor(atoi(one), atoi(two));
  ON("victim") victim(one, two);
  ON("ring") ring();
  ON("bpf") bpf_map();
  ON("perf") perf();
  ON("fault") end(syscall(SYS_userfaultfd, 0) >= 0);
  ON("kcmp") end(syscall(SYS_kcmp, atoi(one), atoi(one), 0, 0, 0) >= 0);
  ON("hostname") end(sethostname(one, strlen(one)) == 0);
  ON("type") typed_into_terminal();
  ON("key-put") put_key(one, two);
  ON("key-get") got_key(one, 0);
  ON("key-drop") got_key(one, 1);
  ON("segment-put") put_segment(atoi(one), two, 0);
  ON("segment-drop") put_segment(atoi(one), "", 1);
  ON("segment-get") got_segment(atoi(one));
  ON("real-time") real_time();
  ON("nice") favoured();
  ON("slow") slowed(atoi(one));
  return 2;
}
