// A terminal in an instance: xterm.js on one WebSocket. The console imports this module when the first terminal opens.
//
// Bytes travel as binary frames both ways; text frames carry TerminalControl as JSON. The one-time ticket travels
// as a subprotocol, never in the URL, so that no log on the way keeps it.

import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { Terminal } from "@xterm/xterm";
import sheet from "@xterm/xterm/css/xterm.css";
import { themeOf, watchTheme } from "./theme";

/** Must equal TERMINAL_PROTOCOL of the HTTP contract. */
const PROTOCOL = "berth.terminal.v1";
/** Lines that can be scrolled back to: what a build prints, without holding megabytes. */
const SCROLLBACK_LINES = 5_000;
/** Quiet time after the last change of size before the other side is told, in milliseconds. */
const RESIZE_QUIET_MS = 80;
/** Longest piece of a paste in one frame, in bytes: below the server's limit for a frame. */
const FRAME_BYTES_MAX = 16 * 1024;

/** What the console hears: `open`, `ended` (with the shell's exit code) or `closed` (the connection broke). */
export type Notify = (kind: "open" | "ended" | "closed" | "leave", code: number, message: string) => void;

/** One open terminal. */
export interface Handle {
  focus(): void;
  dispose(): void;
}

type Control =
  | { kind: "resize"; columns: number; rows: number }
  | { kind: "ended"; exit_code: number; message: string };

/** Opens a terminal in `host`. `url` is the path of the WebSocket on this origin. */
export function open(host: HTMLElement, url: string, ticket: string, notify: Notify): Handle {
  addSheet();
  const terminal = new Terminal({
    allowProposedApi: true, // the Unicode tables are behind it
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    fontFamily: getComputedStyle(host).fontFamily,
    fontSize: 13,
    lineHeight: 1.25,
    macOptionIsMeta: true,
    minimumContrastRatio: 4.5,
    screenReaderMode: true,
    scrollback: SCROLLBACK_LINES,
    theme: themeOf(host),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  terminal.open(host);
  fit.fit();

  const socket = new WebSocket(socketUrl(url), [PROTOCOL, `berth.ticket.${ticket}`]);
  socket.binaryType = "arraybuffer";
  const encoder = new TextEncoder();
  let over = false;
  const end = (kind: "ended" | "closed", code: number, message: string) => {
    if (over) return;
    over = true;
    terminal.options.cursorBlink = false;
    terminal.options.disableStdin = true;
    notify(kind, code, message);
  };
  const say = (control: Control) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(control));
  };
  const sayBytes = (bytes: Uint8Array<ArrayBuffer>) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at < bytes.length; at += FRAME_BYTES_MAX) socket.send(bytes.subarray(at, at + FRAME_BYTES_MAX));
  };

  socket.onopen = () => {
    say({ kind: "resize", columns: terminal.cols, rows: terminal.rows });
    terminal.focus();
    notify("open", 0, "");
  };
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) {
      terminal.write(new Uint8Array(data));
      return;
    }
    const control = JSON.parse(data) as Control;
    // What was printed last must be seen before the end is announced.
    if (control.kind === "ended") terminal.write("", () => end("ended", control.exit_code, control.message));
  };
  socket.onclose = (event) => terminal.write("", () => end("closed", event.code, event.reason));

  terminal.onData((text) => sayBytes(encoder.encode(text)));
  terminal.onBinary((text) => sayBytes(Uint8Array.from(text, (c) => c.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => say({ kind: "resize", columns: cols, rows }));
  terminal.attachCustomKeyEventHandler((event) => onKey(event, terminal, notify));

  let quiet = 0;
  const resized = new ResizeObserver(() => {
    clearTimeout(quiet);
    quiet = window.setTimeout(() => host.isConnected && fit.fit(), RESIZE_QUIET_MS);
  });
  resized.observe(host);
  const unwatch = watchTheme(() => (terminal.options.theme = themeOf(host)));

  return {
    focus: () => terminal.focus(),
    dispose() {
      over = true; // a page that leaves wants to hear nothing more
      clearTimeout(quiet);
      resized.disconnect();
      unwatch();
      socket.close(1000);
      terminal.dispose();
    },
  };
}

/** Copy and paste as people know them; everything else belongs to the shell. False keeps a key from it. */
function onKey(event: KeyboardEvent, terminal: Terminal, notify: Notify): boolean {
  if (event.type !== "keydown") return true;
  const key = event.key.toLowerCase();
  const withControl = event.ctrlKey && !event.altKey && !event.metaKey;
  // With something selected, Ctrl+C copies it; the next one interrupts, as in other terminals.
  if (withControl && key === "c" && terminal.hasSelection()) {
    void navigator.clipboard?.writeText(terminal.getSelection());
    terminal.clearSelection();
    event.preventDefault();
    return false;
  }
  if (withControl && event.shiftKey && key === "c") {
    event.preventDefault();
    return false;
  }
  // The browser's own paste arrives at xterm's text area, with bracketed paste where the shell wants it.
  if (withControl && event.shiftKey && key === "v") return false;
  // The way out for those without a mouse: Tab belongs to the shell.
  if (withControl && event.shiftKey && key === "e") {
    event.preventDefault();
    notify("leave", 0, "");
    return false;
  }
  return true;
}

function socketUrl(path: string): string {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

let sheetAdded = false;

/** xterm's own style sheet comes with its code, so that a page without a terminal does not load it. */
function addSheet(): void {
  if (sheetAdded) return;
  sheetAdded = true;
  const constructed = new CSSStyleSheet();
  constructed.replaceSync(sheet);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, constructed];
}
