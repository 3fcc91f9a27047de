using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// JSON as language models write it: JSON itself, Python's literals (single quotes, True, None, tuples), line ends inside of strings, commas too many. It is
/// read only to find a caption in it, so numbers are kept as they are written.
/// </summary>
internal sealed class LooseJson
{
    private const int Deepest = 24;
    private readonly string _text;
    private int _at;

    private LooseJson(string text) => _text = text;

    /// <summary>The value at the beginning of a text and where it ends; null when there is none.</summary>
    public static (JsonNode Value, int End)? TryRead(string text)
    {
        var reader = new LooseJson(text);
        try
        {
            return reader.Value(0) is { } value ? (value, reader._at) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    // Null stands for null and None as well; no caller tells them from a value that is not there.
    private JsonNode? Value(int depth)
    {
        if (depth > Deepest)
            throw new FormatException();
        Space();
        return Peek() switch
        {
            '{' => Object(depth),
            '[' => List(depth, ']'),
            '(' => List(depth, ')'),
            '"' or '\'' or '“' => JsonValue.Create(Text()),
            _ => Word(),
        };
    }

    private JsonObject Object(int depth)
    {
        var found = new JsonObject();
        _at++;
        while (!Ends('}'))
        {
            if (Peek() is not ('"' or '\'' or '“'))
                throw new FormatException();
            var name = Text();
            Space();
            if (Peek() != ':')
                throw new FormatException();
            _at++;
            found[name] = Value(depth + 1);
            Comma('}');
        }

        return found;
    }

    private JsonArray List(int depth, char end)
    {
        var found = new JsonArray();
        _at++;
        while (!Ends(end))
        {
            found.Add(Value(depth + 1));
            Comma(end);
        }

        return found;
    }

    private bool Ends(char end)
    {
        Space();
        if (Peek() != end)
            return false;
        _at++;
        return true;
    }

    private void Comma(char end)
    {
        Space();
        if (Peek() == ',')
            _at++;
        else if (Peek() != end)
            throw new FormatException();
    }

    private JsonValue? Word()
    {
        var start = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '.' or '-' or '+' or '_'))
            _at++;
        return _text[start.._at] switch
        {
            "null" or "None" => null,
            "true" or "True" => JsonValue.Create(true),
            "false" or "False" => JsonValue.Create(false),
            var word when double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
            _ => throw new FormatException(),
        };
    }

    private string Text()
    {
        var close = _text[_at] == '“' ? '”' : _text[_at];
        var text = new StringBuilder();
        for (_at++; _at < _text.Length; _at++)
        {
            if (_text[_at] == '\\')
            {
                Escape(text);
            }
            else if (_text[_at] == close && IsClose())
            {
                _at++;
                return text.ToString();
            }
            else
            {
                text.Append(_text[_at]);
            }
        }

        throw new FormatException();
    }

    // Models forget to escape an apostrophe or a quotation: a mark closes only where a value can end.
    private bool IsClose()
    {
        var next = _at + 1;
        while (next < _text.Length && char.IsWhiteSpace(_text[next]))
            next++;
        return next == _text.Length || _text[next] is ',' or ':' or '}' or ']' or ')';
    }

    private void Escape(StringBuilder text)
    {
        if (++_at >= _text.Length)
            throw new FormatException();
        switch (_text[_at])
        {
            case 'n':
                text.Append('\n');
                break;
            case 't' or 'r' or 'b' or 'f':
                text.Append(' ');
                break;
            case 'u' when _at + 4 < _text.Length && ushort.TryParse(_text.AsSpan(_at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var code):
                text.Append((char)code);
                _at += 4;
                break;
            case var letter:
                text.Append(letter);
                break;
        }
    }

    private char Peek() => _at < _text.Length ? _text[_at] : '\0';

    private void Space()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
            _at++;
    }
}
