namespace Sana.Curation.Report;

/// <summary>
/// How the report looks, and the few lines that filter and sort the gallery where scripts run. No rule stands in an attribute, since the page's policy allows
/// this text only.
/// </summary>
internal static class ReportStyle
{
    public const string Css = """
        :root{--bg:#f6f7f9;--card:#fff;--ink:#15181e;--dim:#5d6778;--line:#e4e7ec;--accent:#4f46e5;--accent-bg:#eef0ff;--good:#067647;--good-bg:#dcfae6;--good-fill:#17b26a;--bad:#b42318;--bad-bg:#fee4e2;--bad-fill:#f04438;--warn:#93370d;--warn-bg:#fef0c7;--warn-fill:#f79009;--busy:#175cd3;--busy-bg:#d8ebff;--busy-fill:#53b1fd;--plain:#344054;--plain-bg:#eaecf0;--plain-fill:#98a2b3}
        @media(prefers-color-scheme:dark){:root{--bg:#0d0f14;--card:#161a22;--ink:#e9ecf2;--dim:#98a2b3;--line:#282e3a;--accent:#8b8cff;--accent-bg:#1d2040;--good:#6ce9a6;--good-bg:#0b3b26;--good-fill:#12a05c;--bad:#fda29b;--bad-bg:#4a1411;--bad-fill:#d5392d;--warn:#fec84b;--warn-bg:#45260b;--warn-fill:#c8770a;--busy:#84caff;--busy-bg:#102a56;--busy-fill:#2e7fd1;--plain:#d0d5dd;--plain-bg:#242a36;--plain-fill:#5d6778}}
        *{box-sizing:border-box}
        html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
        main{max-width:1320px;margin:0 auto;padding:28px 24px 40px;display:grid;grid-template-columns:minmax(0,1fr);gap:20px}
        header{display:flex;align-items:center;gap:14px;flex-wrap:wrap}
        header>div{flex:1;min-width:0}
        header p{margin:0;color:var(--dim);font-size:13px}
        .logo{width:40px;height:40px;flex:none}.logo rect{fill:var(--accent)}.logo path{fill:none;stroke:#fff;stroke-width:2.6;stroke-linecap:round}
        nav{display:flex;gap:4px 18px;flex-wrap:wrap;font-size:14px}
        a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
        h1{margin:0;font-size:24px;line-height:1.25;letter-spacing:-.02em;overflow-wrap:anywhere}.version{color:var(--dim);font-weight:500}
        h2{margin:0 0 14px;font-size:12px;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--dim)}
        h3{margin:0;font-size:16px;line-height:1.4;font-weight:600;overflow-wrap:anywhere}h3 small{display:block;font-weight:400}
        section,.tiles article,.card,.removed{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:20px 22px;min-width:0;scroll-margin-top:16px}
        .tiles,section.open{background:none;border:0;border-radius:0;padding:0}
        .pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:20px;scroll-margin-top:16px}
        .tiles{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:14px}.tiles h2{margin-bottom:2px}
        .tiles strong{display:block;font-size:30px;line-height:1.3;font-weight:650;letter-spacing:-.02em;white-space:nowrap}
        .tiles em{font-style:normal;font-size:14px;font-weight:500;color:var(--dim);letter-spacing:0}
        small{font-size:13px;color:var(--dim)}.dim{color:var(--dim)}.empty,.lead{margin:0;color:var(--dim)}.lead{margin-bottom:14px}
        .stack{display:block;width:100%;height:12px;border-radius:6px;margin-bottom:12px;background:var(--plain-bg)}
        .stack .good{fill:var(--good-fill)}.stack .bad{fill:var(--bad-fill)}.stack .warn{fill:var(--warn-fill)}.stack .busy{fill:var(--busy-fill)}.stack .plain{fill:var(--plain-fill)}
        .dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:9px;background:var(--plain-fill)}.dot.good{background:var(--good-fill)}.dot.bad{background:var(--bad-fill)}.dot.warn{background:var(--warn-fill)}.dot.busy{background:var(--busy-fill)}
        .scroll{overflow-x:auto;margin:0 -22px -6px;padding:0 22px}
        table{width:100%;border-collapse:collapse}
        th{font-size:12px;font-weight:500;color:var(--dim);text-align:left;padding:0 14px 8px 0;white-space:nowrap}
        td{padding:8px 14px 8px 0;border-top:1px solid var(--line);vertical-align:middle;overflow-wrap:anywhere}
        th:last-child,td:last-child{padding-right:0}.num{text-align:right;white-space:nowrap}
        tfoot td{font-weight:600}.scroll td:first-child{overflow-wrap:normal;min-width:76px}td.meter{width:30%;min-width:70px}
        .counts td{border-top:0;padding:3px 14px 3px 0}.counts .status td{border-top:1px solid var(--line);padding:8px 14px 4px 0;font-weight:600}.counts tr:first-child td{border-top:0}.counts .dim{font-weight:400;width:84px}
        .counts td:last-child,.counts .status td:last-child{padding-right:0}.counts .reason{padding-left:18px}.counts tr:not(.status)+.status td{padding-top:8px}
        section h3+.pills{margin-top:8px}section>h3{margin-top:16px;font-size:14px}
        .facts{margin:0;display:grid;gap:0}.facts div{display:grid;grid-template-columns:150px minmax(0,1fr);gap:14px;padding:7px 0;border-top:1px solid var(--line)}.facts div:first-child{border-top:0;padding-top:0}
        .facts small{display:block}.facts code{font-size:12px}dt{color:var(--dim);font-size:13px;line-height:1.7}dd{margin:0;overflow-wrap:anywhere}
        .grid{margin:12px 0 0;display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:12px 16px}.grid dt{line-height:1.4}.grid dd{font-weight:600;font-size:17px;line-height:1.35}.grid dd.dim{font-weight:400;font-size:12.5px}
        .grid.three{margin:0 0 18px}
        .captioner{display:grid;grid-template-columns:minmax(0,400px) minmax(0,1fr);gap:14px 32px;padding:20px 0;border-top:1px solid var(--line)}.captioner:first-of-type{border-top:0;padding-top:0}.captioner:last-child{padding-bottom:0}
        .wide{grid-column:1/-1;margin:0}
        .histogram{display:block;width:calc(100% - 58px);margin:0 14px 0 44px;align-self:end;overflow:visible}
        .histogram text{font-size:12px;fill:var(--dim);font-family:inherit}.histogram .x,.histogram .unit{text-anchor:middle}.histogram .y{text-anchor:end}
        .histogram rect{stroke:var(--card);stroke-width:1}.histogram .bar{fill:var(--accent)}.histogram .below{fill:var(--plain-fill)}.histogram .bar:hover,.histogram .below:hover{opacity:.7}
        .histogram .axis{stroke:var(--plain-fill)}.histogram .grid{stroke:var(--line)}.histogram line.threshold{stroke:var(--bad-fill);stroke-width:1.5;stroke-dasharray:4 3}.histogram text.threshold{fill:var(--bad)}.histogram .mean{fill:var(--ink);overflow:visible}
        meter{display:block;width:100%;height:6px;border:0;border-radius:3px;background:var(--plain-bg);appearance:none;overflow:hidden}
        meter::-webkit-meter-bar{height:6px;border:0;border-radius:3px;background:var(--plain-bg)}meter::-webkit-meter-optimum-value{background:var(--accent);border-radius:3px}meter::-moz-meter-bar{background:var(--accent)}
        code,pre{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
        pre{margin:8px 0 0;padding:12px 14px;border-radius:10px;background:var(--bg);white-space:pre-wrap;max-height:340px;overflow:auto}
        summary{cursor:pointer;color:var(--dim);font-size:13px}
        .pills{display:flex;flex-wrap:wrap;gap:6px 8px;align-items:center;font-size:13px;margin:0}
        .pill{display:inline-block;max-width:100%;padding:2px 10px;border-radius:999px;font-size:12.5px;font-weight:500;background:var(--plain-bg);color:var(--plain)}.pill code{font-size:12px}
        .pill.good{background:var(--good-bg);color:var(--good)}.pill.bad{background:var(--bad-bg);color:var(--bad)}.pill.warn{background:var(--warn-bg);color:var(--warn)}.pill.busy{background:var(--busy-bg);color:var(--busy)}.pill.accent{background:var(--accent);color:var(--card)}
        .controls{display:flex;gap:10px 18px;flex-wrap:wrap;align-items:center;margin-bottom:14px;font-size:14px;color:var(--dim)}.controls[hidden]{display:none}
        select{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:8px;padding:5px 8px;max-width:220px}
        .card{display:grid;grid-template-columns:240px minmax(0,1fr);gap:22px;margin-bottom:14px;overflow:hidden}.card[hidden]{display:none}
        .card p{margin:0;overflow-wrap:anywhere}.image .name{margin-top:10px;font-weight:600;font-size:14px;line-height:1.35;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;overflow:hidden}.caption .message{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:4;overflow:hidden}.image .dim{font-size:13px;display:flex;gap:0 12px;flex-wrap:wrap}.image .pill{margin-top:6px}
        .thumb{display:block;width:100%;height:auto;border-radius:10px;background:var(--plain-bg)}
        img.thumb{max-height:320px;object-fit:contain}
        .box{aspect-ratio:4/3;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:1px;padding:10px;border:1px dashed var(--plain-fill);background:none;color:var(--dim);font-size:13px;text-align:center;overflow:hidden;overflow-wrap:anywhere}.box svg{width:34px;margin-bottom:4px}.box path,.box circle{fill:none;stroke:var(--plain-fill);stroke-width:1.6}.box small:empty{display:none}
        .why{font-weight:500}.flag{margin-top:6px!important;font-size:13.5px;color:var(--dim)}
        .captions{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:12px;margin-top:14px}
        .caption{border:1px solid var(--line);border-radius:10px;padding:12px 14px;min-width:0;overflow:hidden;font-size:14px}.caption.chosen{border-color:var(--accent);background:var(--accent-bg);box-shadow:inset 0 0 0 1px var(--accent)}
        .caption.refused{border-style:dashed}.caption.refused .text{color:var(--dim)}
        h4{margin:0 0 4px;min-height:26px;font-size:13px;line-height:1.5;font-weight:600;display:flex;justify-content:space-between;align-items:center;gap:8px;overflow-wrap:anywhere}h4 bdi{min-width:0}h4 .pill{flex:none}
        .scores{display:flex;flex-wrap:wrap;gap:0 12px;align-items:baseline;color:var(--dim);font-size:13px;margin-bottom:5px!important}.scores b{font-size:18px;color:var(--ink);font-weight:650;letter-spacing:-.01em}
        .caption .dim{font-size:12.5px;margin-top:5px}.caption .measures span:not(:last-child)::after{content:" · "}.caption .measures+.measures{margin-top:0}.cut{color:var(--warn);font-style:normal}
        .caption .text{margin-top:9px;line-height:1.5;overflow-wrap:anywhere}.caption .text.dim{font-size:14px}
        details.text summary{list-style:none;color:inherit;font-size:14px}details.text summary::-webkit-details-marker{display:none}details.text span{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:12;overflow:hidden}details.text[open] span{display:inline}
        details.text summary::after{content:"whole text";display:block;color:var(--accent);font-size:13px}details.text[open] summary::after{content:"less"}
        .flags{margin-top:8px!important;display:flex;flex-wrap:wrap;gap:4px 10px}.flags code{font-size:12px;color:var(--warn)}
        .removed{margin-bottom:14px}.removed h3{display:flex;align-items:center;gap:6px 10px;flex-wrap:wrap;margin-bottom:14px;font-size:14px}.removed h3 small{display:inline}
        .tilegrid{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:18px 16px}.tilegrid.two{grid-template-columns:repeat(auto-fill,minmax(300px,1fr))}
        figure{margin:0;min-width:0;overflow:hidden}.tilegrid .thumb{aspect-ratio:4/3;object-fit:cover;width:100%}
        .twins>div{display:grid;grid-template-columns:1fr 1fr;gap:6px}
        figcaption{padding-top:7px;font-size:13px;line-height:1.4;overflow-wrap:anywhere}figcaption b,figcaption>span{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden;font-weight:600}figcaption>span{color:var(--dim);-webkit-line-clamp:4;font-weight:400}.twins b+b{font-weight:400}
        figcaption ul{margin:4px 0 0;padding-left:16px}
        footer{display:flex;justify-content:space-between;gap:16px;flex-wrap:wrap;font-size:13px;color:var(--dim);overflow-wrap:anywhere}
        @media(max-width:980px){.pair,.captioner{grid-template-columns:minmax(0,1fr)}.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}.tiles article:last-child{grid-column:1/-1}.card{grid-template-columns:180px minmax(0,1fr)}}
        @media(max-width:620px){main{padding:18px 14px 32px;gap:14px}section,.tiles article,.card,.removed{padding:16px}.tiles,section.open{padding:0}.pair{gap:14px}.tiles{gap:10px}.tiles strong{font-size:24px}header nav{width:100%}.card{grid-template-columns:minmax(0,1fr);gap:14px}.captions{grid-template-columns:minmax(0,1fr)}.facts div{grid-template-columns:minmax(0,1fr);gap:0}.scroll{margin:0 -16px -6px;padding:0 16px}.tilegrid{grid-template-columns:repeat(2,minmax(0,1fr))}.tilegrid.two{grid-template-columns:minmax(0,1fr)}.scroll table{font-size:14px}.scroll th:not(:last-child),.scroll td:not(:last-child){padding-right:10px}.roomy{display:none}}
        @media print{.controls,nav{display:none}.card,.captioner,figure{break-inside:avoid}}
        """;

    /// <summary>Shows the controls, then hides and orders the cards as they say.</summary>
    public const string Script = """
        (()=>{const f=document.querySelector('.controls'),cards=[...document.querySelectorAll('.card')];if(!f||cards.length<2)return;
        const d=c=>c.dataset,s=c=>d(c).score===''?null:+d(c).score;
        const apply=()=>{const show=f.show.value,sort=f.sort.value;let n=0;
        for(const c of cards){c.hidden=!(show===''||(show==='disagree'&&d(c).disagree)||(show==='unusable'&&d(c).unusable)||(show.startsWith('by:')&&d(c).by===show.slice(3)));n+=!c.hidden}
        const sorted=sort?[...cards].sort((a,b)=>s(a)===null||s(b)===null?(s(a)===null)-(s(b)===null):sort==='low'?s(a)-s(b):s(b)-s(a)):cards;
        f.parentNode.append(...sorted);f.querySelector('output').textContent=n+(n===1?' image':' images')};
        f.hidden=false;f.addEventListener('change',apply);f.addEventListener('submit',e=>e.preventDefault());f.reset();apply()})();
        """;
}
