"""Wrong passwords over 1,500 connections of one address: how long do honest clients wait, and what memory is taken?"""

import asyncio
import base64
import multiprocessing
import sys
import time

import attacking

HOSTILE = 1500
SECONDS = 20
ATTACKER, OTHER = "127.0.0.2", "127.0.0.3"

# In MiB: what all checks of passwords may take, and as much again for 1,500 connections.
MOST_MEMORY = 128


def basic(name, password):
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def hostile(port, number):
    """Guesses again as soon as it is answered, the password of a user that does not exist: that costs the same."""
    guess = 0
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(ATTACKER, 0))
            while True:
                guess += 1
                header = basic("nobody", f"{number}.{guess}")
                writer.write(f"GET /names HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.2)


def attack(port):
    attacking.allow_files()

    async def all_of_them():
        await asyncio.gather(*(hostile(port, number) for number in range(HOSTILE)))

    asyncio.run(all_of_them())


def new_passwords(port, users, until, results):
    """Each user's first request: its password has not been seen, and has to be checked."""
    waits = []
    for user in users:
        if time.monotonic() > until:
            break
        began = time.monotonic()
        while attacking.ask(port, "/names", OTHER, [basic(user, user)])[0] != 200:
            time.sleep(0.05)
        waits.append(time.monotonic() - began)
        time.sleep(0.2)
    results.put(waits)


def main():
    attacking.allow_files()
    with attacking.repository() as (folder, token):
        readers = str(folder / "readers")
        users = [f"user{number}" for number in range(60)]
        for user in users:
            attacking.hexreg("auth", "add", readers, user, "--password", input=f"{user}\n")
        arguments = [f"--auth-file={readers}", "--trusted-proxy=192.0.2.1", "--log-format=off"]
        with attacking.serve(folder, *arguments) as server:
            # It has been seen, as that of a user who works all day.
            attacking.ask(server.port, "/names", OTHER, [basic(users[0], users[0])])
            before = server.peak_mebibytes()
            process = multiprocessing.Process(target=attack, args=(server.port,), daemon=True)
            process.start()
            time.sleep(3)
            results, until = multiprocessing.Queue(), time.monotonic() + SECONDS
            guests = multiprocessing.Process(target=new_passwords, args=(server.port, users[1:], until, results))
            guests.start()
            known = attacking.watch(server.port, [
                (OTHER, "/names", [basic(users[0], users[0])]), (OTHER, "/versions", [f"Authorization: {token}"])],
                SECONDS)
            new = results.get()
            taken = server.peak_mebibytes() - before
            process.kill()
            process.join()
    known, with_token = known[OTHER, "/names"], known[OTHER, "/versions"]
    print(f"{HOSTILE} connections of one address send wrong passwords for {SECONDS} s:\n")
    print("| clients of another address | longest wait | middle | answers |")
    print("| --- | --- | --- | --- |")
    print(f"| with a token | {with_token[0]:.3f} s | {with_token[1]:.3f} s | {with_token[2]} |")
    print(f"| with a password that was seen | {known[0]:.3f} s | {known[1]:.3f} s | {known[2]} |")
    print(f"| with a new password | {max(new):.3f} s | {sorted(new)[len(new) // 2]:.3f} s | {len(new)} |")
    print(f"\nMemory taken meanwhile: {taken:.0f} MiB")
    longest = max(known[0], with_token[0], max(new))
    sys.exit(0 if longest <= attacking.LONGEST and taken <= MOST_MEMORY else 1)


if __name__ == "__main__":
    main()
