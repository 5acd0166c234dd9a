// clock FILE COMMAND... runs a command whose clock of the day is wrong by the seconds that stand in FILE, read again each
// time the command asks for the time. Go asks the kernel by way of the vDSO, which no LD_PRELOAD reaches: that is taken
// from the command, so that it makes system calls, and their answers are changed (x86-64 only).
#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *file;

static long wrong_by(void) {
  long seconds = 0;
  FILE *f = fopen(file, "r");
  if (f == NULL) return 0;
  if (fscanf(f, "%ld", &seconds) != 1) seconds = 0;
  fclose(f);
  return seconds;
}

// begin becomes the command. Only the calls that tell the time stop it.
static int begin(char **command) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_gettimeofday, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
    perror("ptrace");
    return 1;
  }
  raise(SIGSTOP);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("seccomp");
    return 1;
  }
  execvp(command[0], command);
  perror(command[0]);
  return 1;
}

// hide takes the vDSO out of what a new program is told: arguments, environment and then the auxiliary vector.
static void hide(pid_t pid) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, pid, 0, &regs);
  unsigned long at = regs.rsp + 8 * (ptrace(PTRACE_PEEKDATA, pid, regs.rsp, 0) + 2);
  while (ptrace(PTRACE_PEEKDATA, pid, at, 0) != 0) at += 8;
  for (at += 8;; at += 16) {
    long kind = ptrace(PTRACE_PEEKDATA, pid, at, 0);
    if (kind == AT_NULL) return;
    if (kind == AT_SYSINFO_EHDR) ptrace(PTRACE_POKEDATA, pid, at, (void *)AT_IGNORE);
  }
}

// answer changes what a call has told.
static void answer(pid_t thread) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, thread, 0, &regs);
  unsigned long at = 0;
  if (regs.orig_rax == SYS_clock_gettime && (regs.rdi == CLOCK_REALTIME || regs.rdi == CLOCK_REALTIME_COARSE)) at = regs.rsi;
  if (regs.orig_rax == SYS_gettimeofday) at = regs.rdi;
  if ((long)regs.rax != 0 || at == 0) return;
  ptrace(PTRACE_POKEDATA, thread, at, (void *)(ptrace(PTRACE_PEEKDATA, thread, at, 0) + wrong_by()));
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: clock FILE COMMAND...\n");
    return 2;
  }
  file = argv[1];
  pid_t child = fork();
  if (child == 0) return begin(argv + 2);
  int status;
  if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) return 1;
  long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                 PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
  ptrace(PTRACE_SETOPTIONS, child, 0, options);
  ptrace(PTRACE_CONT, child, 0, 0);
  for (;;) {
    pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) return errno == ECHILD ? 0 : 1;
    if (!WIFSTOPPED(status)) {
      if (thread == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int sig = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) {
      ptrace(PTRACE_SYSCALL, thread, 0, 0); // it stops again at the end of the call
      continue;
    }
    if (event == PTRACE_EVENT_EXEC) hide(thread);
    if (sig == (SIGTRAP | 0x80)) {
      struct user_regs_struct regs;
      ptrace(PTRACE_GETREGS, thread, 0, &regs);
      if ((long)regs.rax == -ENOSYS) { // its beginning, where a kernel stops there too
        ptrace(PTRACE_SYSCALL, thread, 0, 0);
        continue;
      }
      answer(thread);
    }
    // A stop of ptrace's own is no signal for the thread; a new one begins with a SIGSTOP.
    int passed = event != 0 || sig == (SIGTRAP | 0x80) || sig == SIGSTOP || sig == SIGTRAP ? 0 : sig;
    ptrace(PTRACE_CONT, thread, 0, (void *)(long)passed);
  }
}
