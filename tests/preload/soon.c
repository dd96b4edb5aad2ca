// soon.so: preloaded, TCP's times until a silent machine is given up are a tenth of what a program
// asks for, so that a test need not wait for them; the calls and their order stay the program's.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved
int setsockopt(int socket, int level, int name, const void *value, socklen_t length) {
    int number = 0;
    if (level == IPPROTO_TCP && length == sizeof number &&
        (name == TCP_KEEPIDLE || name == TCP_KEEPINTVL || name == TCP_USER_TIMEOUT)) {
        memcpy(&number, value, sizeof number);
        number /= 10;
        value = &number;
    }
    return (int)syscall(SYS_setsockopt, socket, level, name, value, length);
}
