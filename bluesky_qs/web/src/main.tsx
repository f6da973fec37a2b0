import { render } from "preact";
import { HttpDoor } from "./source/door";
import { SignIn } from "./source/sign_in";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import "./compose.css";
import "./controls.css";
import "./queue.css";
import "./devices.css";
import "./instruments.css";
import "./wall.css";
import "./item.css";
import "./history.css";
import { App } from "./views/app";

// The page's path may have a prefix, so derive the API's address from that path.
const base = new URL("api", new URL(".", location.href)).href;
const signIn = new SignIn(base);
const door = new HttpDoor(base, signIn, new URLSearchParams(location.search).get("instrument") ?? "");

const root = document.getElementById("page");
if (root) render(<App signIn={signIn} newSource={() => door.source(door.instrument)} door={door} />, root);
